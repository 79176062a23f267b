// Package cloudflare steers clients by Cloudflare Load Balancing: a pool per region, probed from Cloudflare's data centres,
// and a load balancer on the shared name. It answers DNS only, or stands in front and proxies.
package cloudflare

import (
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

const (
	// probeTimeout is how long a probe may take where the stack says nothing, in seconds: the longest of which two fit into
	// the shortest interval.
	probeTimeout = 4
	// retries is how often a probe that timed out is tried again at once. The provider's schema has long refused fewer.
	// Source: cloudflare/terraform-provider-cloudflare v4, resourceCloudflareLoadBalancerMonitorSchema.
	retries = 1
)

// name is the manager's own.
const name = "cloudflare"

// Manager is Cloudflare Load Balancing.
type Manager struct{}

// Spec says what Cloudflare can do.
func (Manager) Spec() failover.Spec {
	return failover.Spec{
		Name:      name,
		Zone:      "Cloudflare zone",
		Patterns:  settings.Patterns(),
		Steerings: settings.Steerings(),
		// 15 s without an Enterprise plan. Source: "Limitations", developers.cloudflare.com/load-balancing/reference/limitations.
		Interval:  provider.Allowed{Least: 10, Most: 3600},
		Threshold: provider.Allowed{Least: 1, Most: 10},
		// Of a load balancer that answers DNS only. Source: "Setting proxy modes", "a TTL from 30 seconds to 10 minutes",
		// cloud.ibm.com/docs/cis?topic=cis-proxy-modes (IBM's edition of the product).
		TTL: provider.Allowed{Least: 30, Most: 600},
		// Source: the same schema.
		Timeout:      provider.Allowed{Least: 1, Most: 10},
		ProbeTimeout: probeTimeout,
		// Those of Universal SSL and of the backup certificates that come with it. Source: "Certificate authorities",
		// developers.cloudflare.com/ssl/reference/certificate-authorities.
		Authorities: []string{"digicert.com", "letsencrypt.org", "pki.goog", "sectigo.com", "ssl.com"},
		// Of the plans Business and above; the others promise nothing. Source: www.cloudflare.com/business-sla.
		SLA:   100,
		Types: []string{"cloudflare:index/"},
		Tells: "cloudflare:index/zoneSetting:ZoneSetting",
	}
}

// Bound is n*I + t*(retries+1), and the TTL where clients are answered by DNS: a region that fails right after a probe has
// failed n more by then, of which the last takes all its tries. Behind the proxy no client has an answer that could be out
// of date. Data centres learn of a change within seconds, which no document bounds.
func (Manager) Bound(s settings.Settings) failover.Bound {
	b := failover.Bound{Detect: time.Duration(s.Check.Threshold*s.Check.Interval+timeout(s)*(retries+1)) * time.Second}
	if !s.Cloudflare.Proxied {
		b.Propagate = time.Duration(s.TTL) * time.Second
	}
	return b
}

// timeout is how long a probe may take, in seconds.
func timeout(s settings.Settings) int {
	if s.Check.Timeout > 0 {
		return s.Check.Timeout
	}
	return probeTimeout
}

var _ failover.Manager = Manager{}
