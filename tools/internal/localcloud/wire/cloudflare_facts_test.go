package wire_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/resource"
)

// Refusals are Cloudflare's own documents.
func TestCloudflareRefusals(t *testing.T) {
	b := newCFBed(t)
	b.group()
	pool := cfPoolsURL + "/" + b.pools[0]
	for _, c := range []struct {
		name, auth, method, path, body string
		lost                           bool
		status, code                   int
		says                           string
	}{
		{"another token", "Bearer other", "GET", cfPoolsURL, "", false, 403, 10000, "Authentication error"},
		{"no token", "", "GET", cfPoolsURL, "", false, 400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"},
		{"another account", "Bearer " + cfToken, "GET", strings.Replace(cfPoolsURL, cloudflare.Account, "1234", 1), "", false, 404, 7003, "Could not route to /client/v4/accounts/1234/"},
		{"another path", "Bearer " + cfToken, "GET", "/client/v4/zones", "", false, 404, 7003, "perhaps your object identifier is invalid?"},
		{"another method", "Bearer " + cfToken, "DELETE", pool, "", false, 404, 7003, "Could not route to"},
		{"another path without a token", "Bearer other", "GET", "/client/v4/zones", "", false, 403, 10000, "Authentication error"},
		{"lost", "Bearer " + cfToken, "GET", cfPoolsURL, "", true, 503, 10000, "service failure"},
		{"health of no pool", "Bearer " + cfToken, "GET", cfPoolsURL + "/x/health", "", false, 404, 1001, "not found"},
		{"health of a pool that is not probed", "Bearer " + cfToken, "GET", pool + "/health", "", false, 400, 1002, "Health info unavailable"},
		{"change of no pool", "Bearer " + cfToken, "PATCH", cfPoolsURL + "/x", `{"enabled": false}`, false, 404, 1001, "not found"},
		{"change of what is not changed here", "Bearer " + cfToken, "PATCH", pool, `{"name": "x"}`, false, 400, 1002, `unknown field "name"`},
		{"change of what Cloudflare tells", "Bearer " + cfToken, "PATCH", pool, `{"origins": [{"name": "a", "address": "192.0.2.1", "healthy": true}]}`, false, 400, 1002, `unknown field "healthy"`},
		{"change to nothing", "Bearer " + cfToken, "PATCH", pool, `{"origins": []}`, false, 400, 1002, "the origin list length must be in range [1, 100]"},
		{"no load balancer", "Bearer " + cfToken, "GET", "/client/v4/zones/" + b.zone + "/load_balancers/x", "", false, 404, 1001, "load balancer x not found"},
		{"a load balancer of another zone", "Bearer " + cfToken, "PATCH", "/client/v4/zones/x/load_balancers/" + b.balancer, `{"fallback_pool": "x"}`, false, 404, 1001, "not found"},
		{"a fallback pool that is not there", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"fallback_pool": "x"}`, false, 400, 1002, `pool "x" does not exist`},
		{"a pool's weight above the most", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"random_steering": {"pool_weights": {"` + b.pools[0] + `": 2}}}`, false, 400, 1002, "is not in range [0, 1]"},
		{"another change of a load balancer", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"proxied": true}`, false, 400, 1002, `unknown field "proxied"`},
		{"change to a weight that is none", "Bearer " + cfToken, "PATCH", pool, `{"origins": [{"name": "a", "address": "192.0.2.1", "weight": 2}]}`, false, 400, 1002, "weight 2 is not a multiple of 0.01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.lost = c.lost
			status, doc := ask(t, b.server, c.method, c.path, c.auth, c.body)
			var answer struct {
				Result  any
				Success *bool
				Errors  []struct {
					Code    int
					Message string
				}
			}
			if err := json.Unmarshal(doc, &answer); err != nil || answer.Success == nil || *answer.Success || answer.Result != nil || len(answer.Errors) == 0 {
				t.Fatalf("%d %s, %v", status, doc, err)
			}
			if e := answer.Errors[0]; status != c.status || e.Code != c.code || !strings.Contains(e.Message, c.says) {
				t.Errorf("%d, code %d, %s: want %d, %d, ...%s...", status, e.Code, e.Message, c.status, c.code, c.says)
			}
		})
	}
	if got := b.store.View().List(tPool)[0].Inputs; len(got.Objects("origins")) != 2 || !got.Bool("enabled") {
		t.Errorf("a refused change changed the pool: %v", got)
	}
}

// An origin has only what it is given with, as at Cloudflare.
func TestCloudflareOverwritesOrigins(t *testing.T) {
	b := newCFBed(t)
	b.group()
	status, doc := ask(t, b.server, "PATCH", cfPoolsURL+"/"+b.pools[0], "Bearer "+cfToken, `{"origins": [{"name": "aws-use1", "address": "`+own("aws-use1")+`"}]}`)
	want := []resource.Props{{"name": "aws-use1", "address": own("aws-use1"), "enabled": true, "weight": 1.0}}
	if diff := cmp.Diff(want, b.store.View().List(tPool)[0].Inputs.Objects("origins")); diff != "" || status != http.StatusOK {
		t.Errorf("%d %s:\n%s", status, doc, diff)
	}
}

// What is shown has the shape of Cloudflare's own: a pool as in cloudflare/cloudflare-go issue 767, health as in the example of "Pool Health
// Details".
func TestCloudflareDocuments(t *testing.T) {
	b := newCFBed(t)
	b.group()
	id := b.pools
	b.probed(id[0]+"/aws-use1", true, "", "TCP: no")
	b.probed(id[0]+"/gcp-euw1", false, "TLS: expired", "TLS: expired")
	origin := func(name string, weight float64, more map[string]any) map[string]any {
		out := map[string]any{"name": name, "address": own(name), "enabled": true, "weight": weight, "header": map[string]any{"Host": []any{own(name)}}}
		maps.Copy(out, more)
		return out
	}
	pool := func(more map[string]any) map[string]any {
		out := map[string]any{"id": id[0], "name": "api-primary", "description": "", "enabled": true, "minimum_origins": 1.0, "monitor": b.monitor, "check_regions": []any{"ENAM", "WEU"},
			"healthy": true, "origins": []any{origin("aws-use1", 0.25, map[string]any{"healthy": true, "failure_reason": "No failures"}),
				origin("gcp-euw1", 1, map[string]any{"healthy": false, "failure_reason": "TLS: expired"})}}
		maps.Copy(out, more)
		return out
	}
	finding := func(healthy bool, reason string) map[string]any {
		return map[string]any{"healthy": healthy, "rtt": "12.1ms", "failure_reason": reason}
	}
	unprobed := []any{origin("aws-use1", 0.25, nil), origin("gcp-euw1", 1, nil)}
	result := func(path string) any {
		status, doc := ask(t, b.server, "GET", path, "Bearer "+cfToken, "")
		var answer struct {
			Success bool
			Result  any
		}
		if err := json.Unmarshal(doc, &answer); err != nil || status != http.StatusOK || !answer.Success {
			t.Fatalf("%d %s, %v", status, doc, err)
		}
		if list, ok := answer.Result.([]any); ok {
			for _, p := range list {
				p := p.(map[string]any)
				for _, stamp := range []string{"created_on", "modified_on"} {
					if _, err := time.Parse(time.RFC3339, fmt.Sprint(p[stamp])); err != nil {
						t.Errorf("%s: %v", stamp, err)
					}
					delete(p, stamp)
				}
			}
		}
		return answer.Result
	}
	if diff := cmp.Diff([]any{pool(nil)}, result(cfPoolsURL)); diff != "" {
		t.Errorf("pools:\n%s", diff)
	}
	want := map[string]any{"pool_id": id[0], "pop_health": map[string]any{
		"WEU-1": map[string]any{"healthy": true, "origins": []any{map[string]any{own("aws-use1"): finding(true, "No failures")}, map[string]any{own("gcp-euw1"): finding(false, "TLS: expired")}}},
		"WEU-2": map[string]any{"healthy": false, "origins": []any{map[string]any{own("aws-use1"): finding(false, "TCP: no")}, map[string]any{own("gcp-euw1"): finding(false, "TLS: expired")}}},
	}}
	if diff := cmp.Diff(want, result(cfPoolsURL+"/"+id[0]+"/health")); diff != "" {
		t.Errorf("health:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", false, "TCP: no")
	failing := pool(map[string]any{"healthy": false, "origins": []any{origin("aws-use1", 0.25, map[string]any{"healthy": false, "failure_reason": "TCP: no"}),
		origin("gcp-euw1", 1, map[string]any{"healthy": false, "failure_reason": "TLS: expired"})}})
	if diff := cmp.Diff([]any{failing}, result(cfPoolsURL)); diff != "" {
		t.Errorf("with no healthy origin:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", false)
	b.probed(id[0]+"/gcp-euw1", false)
	unknown := pool(map[string]any{"origins": unprobed})
	delete(unknown, "healthy")
	if diff := cmp.Diff([]any{unknown}, result(cfPoolsURL)); diff != "" {
		t.Errorf("before anybody has looked:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", true, "")
	if status, doc := ask(t, b.server, "PATCH", cfPoolsURL+"/"+id[0], "Bearer "+cfToken, `{"enabled": false}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, doc)
	}
	got := result(cfPoolsURL).([]any)[0].(map[string]any)
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(got["disabled_at"])); err != nil {
		t.Errorf("disabled_at: %v", err)
	}
	delete(got, "disabled_at")
	unknown["enabled"] = false
	if diff := cmp.Diff(unknown, got); diff != "" {
		t.Errorf("disabled:\n%s", diff)
	}
}
