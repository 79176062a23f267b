package cloudflare

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenMonitor = "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor"
	labelMonitor = "load_balancers/monitors"
)

// Bounds of monitors: the interval of an Enterprise plan ("Limitations", developers.cloudflare.com/load-balancing/reference/
// limitations), timeout, retries and "interval has to be larger than (retries+1) * probe_timeout"
// (cloudflare/terraform-provider-cloudflare v4, resourceCloudflareLoadBalancerMonitorSchema).
const (
	minInterval, maxInterval = 10, 3600
	minTimeout, maxTimeout   = 1, 10
	minRetries, maxRetries   = 1, 5
)

// monitorType is cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor. Source: its schema in
// cloudflare/terraform-provider-cloudflare, internal/services/load_balancer_monitor: all but the account changes in place.
func monitorType() *resource.Type {
	return &resource.Type{
		Token: tokenMonitor, Label: labelMonitor,
		Properties: []resource.Property{
			accountProperty(),
			{Name: "type", Kind: resource.String, Default: "http", OneOf: oneOf("http", "https", "tcp", "udp_icmp", "icmp_ping", "smtp")},
			text("description"), text("expectedBody"),
			{Name: "expectedCodes", Kind: resource.String, Default: "200"},
			{Name: "method", Kind: resource.String, Default: http.MethodGet},
			{Name: "path", Kind: resource.String, Default: "/"},
			{Name: "port", Kind: resource.Int, Default: 0.0},
			{Name: "interval", Kind: resource.Int, Default: 60.0},
			{Name: "timeout", Kind: resource.Int, Default: 5.0},
			{Name: "retries", Kind: resource.Int, Default: 2.0},
			{Name: "consecutiveUp", Kind: resource.Int, Default: 0.0},
			{Name: "consecutiveDown", Kind: resource.Int, Default: 0.0},
			{Name: "header", Kind: resource.Map, Elem: &resource.Property{Kind: resource.Array, Elem: &resource.Property{Kind: resource.String}}},
			flag("allowInsecure", false), flag("followRedirects", false),
		},
		Unmodelled: []string{"probeZone"},
		Computed:   []string{"createdOn", "modifiedOn"},
		Volatile:   []string{"modifiedOn"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if t := in.Str("type"); !slices.Contains([]string{"http", "https", "tcp"}, t) {
				out = append(out, unsupported("type", "monitors of type %s", t))
			}
			if in.Bool("followRedirects") {
				out = append(out, unsupported("followRedirects", "monitors that follow redirects"))
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			c := call{"POST", "accounts/" + in.Str("accountId") + "/" + labelMonitor}
			if err := refuseMonitor(c, in); err != nil {
				return "", nil, err
			}
			return serial(env, tokenMonitor, in.Str("description")), stamps(env), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return changed(env), refuseMonitor(call{"PUT", "accounts/" + Account + "/" + labelMonitor + "/" + old.ID}, in)
		},
		// Source: "This object is referenced by other objects, delete them first. (Code: 1005)", cloudflare/cloudflare-docs
		// issue 3686.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if len(env.View().Where(tokenPool, "monitor", old.ID)) > 0 {
				return call{"DELETE", "accounts/" + Account + "/" + labelMonitor + "/" + old.ID}.referenced()
			}
			return nil
		},
	}
}

func (c call) referenced() error {
	return c.refuse(codeReferenced, "This object is referenced by other objects, delete them first.")
}

// expectedCodes are single codes and classes of them. Source: "Expected Code(s)", developers.cloudflare.com/load-balancing/
// monitors/create-monitor.
var expectedCodes = regexp.MustCompile(`^[1-5](\d\d|xx)(,[1-5](\d\d|xx))*$`)

// refuseMonitor checks what the API checks.
func refuseMonitor(c call, in resource.Props) error {
	if err := c.inAccount(in); err != nil {
		return err
	}
	for _, b := range []struct {
		name        string
		least, most int
	}{{"interval", minInterval, maxInterval}, {"timeout", minTimeout, maxTimeout}, {"retries", minRetries, maxRetries}} {
		if n := in.Int(b.name); n < b.least || n > b.most {
			return c.invalid("%s is not in range [%d, %d]", b.name, b.least, b.most)
		}
	}
	if in.Int("interval") <= (in.Int("retries")+1)*in.Int("timeout") {
		return c.invalid("interval must be larger than (retries + 1) * timeout")
	}
	if p := in.Int("port"); p < 0 || p > 65535 || p == 0 && in.Str("type") == "tcp" {
		return c.invalid("port is not in range [1, 65535]") // "Required for TCP, UDP, and SMTP checks"
	}
	for _, name := range []string{"consecutiveUp", "consecutiveDown"} {
		if in.Int(name) < 0 {
			return c.invalid("%s must not be negative", name)
		}
	}
	if !strings.HasPrefix(in.Str("type"), "http") {
		for _, name := range []string{"expectedBody", "header", "allowInsecure"} { // "only valid for HTTP and HTTPS monitors"
			if v, ok := in[name]; ok && v != false {
				return c.invalid("%s is only valid for HTTP and HTTPS monitors", name)
			}
		}
		return nil
	}
	if !strings.HasPrefix(in.Str("path"), "/") {
		return c.invalid("path must begin with a slash")
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead}, in.Str("method")) {
		return c.invalid("method must be GET or HEAD")
	}
	if !expectedCodes.MatchString(strings.ReplaceAll(in.Str("expectedCodes"), " ", "")) {
		return c.invalid("expected_codes %q is not a list of status codes", in.Str("expectedCodes"))
	}
	for _, name := range in.Object("header").Keys() {
		if strings.EqualFold(name, "User-Agent") { // "The User-Agent header cannot be overridden"
			return c.invalid("header User-Agent cannot be overridden")
		}
	}
	return nil
}
