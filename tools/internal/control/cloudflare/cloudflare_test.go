package cloudflare_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/cloudflare"
)

const (
	account = "023e105f4ecef8ad9ca31a8372d0c353"
	token   = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY"
	prefix  = "/client/v4/accounts/" + account + "/load_balancers/pools"
	lbPath  = "/client/v4/zones/z1/load_balancers/lb1"
)

// fake is Cloudflare's API over pools that are JSON texts, with real shapes.
type fake struct {
	mu     sync.Mutex
	order  []string
	pools  map[string]map[string]any
	health map[string]string // id -> result
	fail   map[string]string // method and path -> status and document
	pages  bool              // one pool to a page
	lb     map[string]any    // the load balancer, over all pools but somebody else's
	writes []string          // id and document of each PATCH
}

func newFake(t *testing.T, pools ...string) *fake {
	t.Helper()
	f := &fake{pools: map[string]map[string]any{}, health: map[string]string{}, fail: map[string]string{}}
	for _, text := range pools {
		var p map[string]any
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		id := p["id"].(string)
		f.order = append(f.order, id)
		f.pools[id] = p
	}
	// As a deployment leaves it: the fallback pool is the first that is enabled.
	var ids []string
	fallback := ""
	for _, id := range f.order {
		if id == "p9" {
			continue
		}
		ids = append(ids, id)
		if fallback == "" && f.pools[id]["enabled"] == true {
			fallback = id
		}
	}
	if fallback == "" && len(ids) > 0 {
		fallback = ids[0]
	}
	f.lb = map[string]any{"id": "lb1", "name": "api.example.com", "steering_policy": "off", "fallback_pool": fallback, "default_pools": ids}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}`)
		return
	}
	if answer, ok := f.fail[r.Method+" "+r.URL.Path]; ok {
		status, doc := 0, ""
		_, _ = fmt.Sscanf(answer, "%d", &status)
		_, doc, _ = strings.Cut(answer, " ")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, doc)
		return
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/")
	id, of, _ := strings.Cut(rest, "/")
	switch {
	case r.URL.Path == lbPath:
		if body, _ := io.ReadAll(r.Body); r.Method == http.MethodPatch {
			f.writes = append(f.writes, "lb1 "+string(body))
			var change map[string]any
			_ = json.Unmarshal(body, &change)
			maps.Copy(f.lb, change)
		}
		answer(w, f.lb, nil)
	case r.Method == http.MethodGet && rest == "":
		f.list(w, r)
	case r.Method == http.MethodGet && of == "health":
		_, _ = fmt.Fprintf(w, `{"success":true,"errors":[],"messages":[],"result":%s}`, f.health[id])
	case r.Method == http.MethodPatch && of == "":
		body, _ := io.ReadAll(r.Body)
		f.writes = append(f.writes, id+" "+string(body))
		var change map[string]any
		_ = json.Unmarshal(body, &change)
		maps.Copy(f.pools[id], change)
		answer(w, f.pools[id], nil)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	from, to, pages := 0, len(f.order), 1
	if f.pages {
		pages = len(f.order)
		_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "%d", &from)
		from = max(from-1, 0)
		to = from + 1
	}
	var out []any
	for _, id := range f.order[from:to] {
		out = append(out, f.pools[id])
	}
	answer(w, out, map[string]int{"page": from + 1, "per_page": to - from, "count": to - from, "total_count": len(f.order), "total_pages": pages})
}

func answer(w io.Writer, result, info any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": result, "result_info": info})
}

// single is a pool of one region.
func single(id, name, enabled string) string {
	return fmt.Sprintf(`{"id": %q, "name": "api-example-com-%s", "enabled": %s, "monitor": "m1", "minimum_origins": 1, "check_regions": ["WEU", "ENAM", "SEAS"], "healthy": true, "origins": [
		{"name": %q, "address": "%s.api.example.com", "enabled": true, "weight": 1, "header": {"Host": ["%s.api.example.com"]}, "healthy": true, "failure_reason": "No failures"}]}`,
		id, name, enabled, name, name, name)
}

// group is a pool of two regions, with all that an origin can have.
func group(enabled, aws, gcp string) string {
	return fmt.Sprintf(`{"id": "g1", "name": "api-example-com-primary", "enabled": %s, "monitor": "m1", "origins": [
		{"name": "aws-a", "address": "aws-a.api.example.com", "enabled": %s, "weight": 0.25, "header": {"Host": ["aws-a.api.example.com"]}, "port": 8443, "flatten_cname": true, "healthy": true, "failure_reason": "No failures"},
		{"name": "gcp-b", "address": "gcp-b.api.example.com", "enabled": %s, "weight": 1, "virtual_network_id": "a5624d4e-044a-4ff0-b3e1-e2465353d4b4", "disabled_at": "2026-01-01T00:00:00Z", "healthy": false}]}`, enabled, aws, gcp)
}

func region(name, host, check string) topology.Region {
	return topology.Region{Name: name, Provider: strings.Split(name, "/")[0], Hostname: host + ".api.example.com", HealthCheck: check}
}

func world() topology.Topology {
	return topology.Topology{Details: map[string]string{"account": account, "zone": "z1", "loadBalancer": "lb1"}, Regions: []topology.Region{region("aws/a", "aws-a", "p1/aws-a"), region("gcp/b", "gcp-b", "p2/gcp-b")}}
}

func manage(t *testing.T, f *fake, w topology.Topology) *cloudflare.Manager {
	t.Helper()
	s := httptest.NewTLSServer(f)
	t.Cleanup(s.Close)
	return cloudflare.New(s.Client(), s.URL+"/client/v4/", token, w)
}

// looks is a document of pool health: each place with whether it passes, and why not.
func looks(address string, places ...string) string {
	var out []string
	for i, reason := range places {
		healthy, code := reason == "No failures", 503
		if healthy {
			code = 200
		}
		out = append(out, fmt.Sprintf(`"Place %d, XX": {"healthy": %t, "origins": [{"other.example.com": {"healthy": false, "failure_reason": "x"}}, {%q: {"healthy": %t, "rtt": "12.1ms", "failure_reason": %q, "response_code": %d}}]}`,
			i+1, healthy, address, healthy, reason, code))
	}
	return `{"pool_id": "p", "pop_health": {` + strings.Join(out, ", ") + `}}`
}

const fine, bad = "No failures", "Response code mismatch error"

func TestRegions(t *testing.T) {
	up := looks("gcp-b.api.example.com", fine, fine)
	standby := control.Region{Healthy: true, State: "healthy", Passing: 2, Of: 2}
	quiet := func(p string) string {
		return strings.NewReplacer(`"healthy": true, `, "", `, "healthy": true`, "", `, "failure_reason": "No failures"`, "").Replace(p)
	}
	for _, c := range []struct {
		name   string
		pools  []string
		health map[string]string
		want   control.Region // of aws/a
	}{
		{"healthy by the list though most data centres fail", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")},
			map[string]string{"p1": looks("aws-a.api.example.com", fine, bad, bad)},
			control.Region{Healthy: true, State: "healthy", Passing: 1, Of: 3, Why: "Place 2, XX: Response code mismatch error (status 503)"}},
		{"unhealthy by the list", []string{strings.ReplaceAll(single("p1", "aws-a", "true"), `"healthy": true, "failure_reason": "No failures"`, `"healthy": false, "failure_reason": "TCP connection failed"`), single("p2", "gcp-b", "true")},
			map[string]string{"p1": looks("AWS-A.api.example.com.")}, control.Region{State: "unhealthy", Why: "TCP connection failed"}},
		{"by a majority where the list does not tell", []string{quiet(single("p1", "aws-a", "true")), single("p2", "gcp-b", "true")},
			map[string]string{"p1": looks("AWS-A.api.example.com.", fine, fine, bad)},
			control.Region{Healthy: true, State: "healthy", Passing: 2, Of: 3, Why: "Place 3, XX: Response code mismatch error (status 503)"}},
		{"by half of them it is not", []string{quiet(single("p1", "aws-a", "true")), single("p2", "gcp-b", "true")},
			map[string]string{"p1": looks("aws-a.api.example.com", fine, bad)},
			control.Region{State: "unhealthy", Passing: 1, Of: 2, Why: "Place 2, XX: Response code mismatch error (status 503)"}},
		{"nobody has looked", []string{quiet(single("p1", "aws-a", "true")), single("p2", "gcp-b", "true")}, map[string]string{"p1": looks("aws-a.api.example.com")},
			control.Region{State: "health unknown"}},
		{"its pool is disabled and not asked", []string{single("p1", "aws-a", "false"), single("p2", "gcp-b", "true")}, nil, control.Region{Drained: true, State: "disabled"}},
		{"no monitor", []string{strings.Replace(single("p1", "aws-a", "true"), `"m1"`, `""`, 1), single("p2", "gcp-b", "true")}, nil, control.Region{State: "health unknown"}},
		{"it is disabled in a group", []string{group("true", "false", "true"), single("p2", "gcp-b", "true")},
			map[string]string{"g1": looks("gcp-b.api.example.com", bad)}, control.Region{Drained: true, State: "disabled"}},
		{"a ramp is told of by its first step", []string{single("p1-3", "aws-a", "true"), single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")},
			map[string]string{"p1": looks("aws-a.api.example.com", fine)}, control.Region{Healthy: true, State: "healthy", Passing: 1, Of: 1}},
		{"a step that is not disabled keeps it from being drained", []string{single("p1", "aws-a", "false"), single("p1-2", "aws-a", "true"), single("p2", "gcp-b", "true")},
			map[string]string{"p1-2": looks("aws-a.api.example.com", fine)}, control.Region{Healthy: true, State: "healthy", Passing: 1, Of: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, append(c.pools, single("p9", "of-somebody-else", "true"))...)
			f.health["p2"] = up
			maps.Copy(f.health, c.health)
			got, err := manage(t, f, world()).Regions(t.Context())
			for name, r := range got {
				if len(r.Votes) != r.Of {
					t.Errorf("%s: %d votes of %d", name, len(r.Votes), r.Of)
				}
				r.Votes = nil // see TestVotes
				got[name] = r
			}
			if diff := cmp.Diff(map[string]control.Region{"aws/a": c.want, "gcp/b": standby}, got); diff != "" || err != nil {
				t.Errorf("regions, %v:\n%s", err, diff)
			}
		})
	}
}

// What each data centre found, by its name.
func TestVotes(t *testing.T) {
	f := newFake(t, single("p1", "aws-a", "true"), single("p2", "gcp-b", "true"))
	f.health["p1"], f.health["p2"] = looks("aws-a.api.example.com", fine, bad), looks("gcp-b.api.example.com")
	got, err := manage(t, f, world()).Regions(t.Context())
	want := []control.Vote{{From: "Place 1, XX", Healthy: true}, {From: "Place 2, XX", Why: "Response code mismatch error (status 503)"}}
	if diff := cmp.Diff(want, got["aws/a"].Votes); diff != "" || err != nil || got["gcp/b"].Votes != nil {
		t.Errorf("%v, %+v (-want +got):\n%s", err, got["gcp/b"], diff)
	}
}

// Pools are on pages where the answers say so.
func TestPages(t *testing.T) {
	f := newFake(t, single("p1", "aws-a", "true"), single("p2", "gcp-b", "true"))
	f.pages = true
	f.health["p1"], f.health["p2"] = looks("aws-a.api.example.com", fine), looks("gcp-b.api.example.com", fine)
	if got, err := manage(t, f, world()).Regions(t.Context()); len(got) != 2 || err != nil {
		t.Errorf("regions %v, %v", got, err)
	}
}

func TestRegionsThatAreNotTold(t *testing.T) {
	both := []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}
	for _, c := range []struct {
		name    string
		pools   []string
		fail    map[string]string
		says    string
		unknown bool
		left    int // regions that are told of all the same
	}{
		{"no pool", both[1:], nil, "has aws-a.api.example.com, the own name of aws/a", true, 1},
		{"no list", both, map[string]string{"GET " + prefix: `503 {"success":false,"errors":[{"code":10000,"message":"service failure"}]}`}, "503 Service Unavailable: service failure (code 10000)", false, 0},
		{"no success", both, map[string]string{"GET " + prefix: `200 {"success":false,"errors":[{"code":1002,"message":"odd"}]}`}, "odd (code 1002)", false, 0},
		{"no JSON", both, map[string]string{"GET " + prefix: `502 <html>Bad gateway</html>`}, "502 Bad Gateway", false, 0},
		{"no document", both, map[string]string{"GET " + prefix: `200 <html>Log in</html>`}, "is no document of Cloudflare's", false, 0},
		{"no list in it", both, map[string]string{"GET " + prefix: `200 {"success":true,"result":{}}`}, "is not as Cloudflare documents it", false, 0},
		{"no health", both, map[string]string{"GET " + prefix + "/p1/health": `500 {"success":false,"errors":[{"code":1000,"message":"oops"}]}`}, "health of the pool p1: 500 Internal Server Error: oops (code 1000)", false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.pools...)
			maps.Copy(f.fail, c.fail)
			f.health["p1"], f.health["p2"] = looks("aws-a.api.example.com", fine), looks("gcp-b.api.example.com", fine)
			got, err := manage(t, f, world()).Regions(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, control.ErrUnknown) != c.unknown || len(got) != c.left {
				t.Errorf("%d regions, %v: want %d, ...%s..., unknown: %t", len(got), err, c.left, c.says, c.unknown)
			}
		})
	}
	t.Run("health that is not there yet is no error", func(t *testing.T) {
		f := newFake(t, both...)
		f.health["p2"] = looks("gcp-b.api.example.com", fine)
		f.fail["GET "+prefix+"/p1/health"] = `400 {"success":false,"errors":[{"code":1002,"message":"Health info unavailable"}]}`
		got, err := manage(t, f, world()).Regions(t.Context())
		if diff := cmp.Diff(control.Region{Healthy: true, State: "healthy"}, got["aws/a"]); diff != "" || err != nil {
			t.Errorf("%v:\n%s", err, diff)
		}
	})
	t.Run("no account", func(t *testing.T) {
		w := world()
		w.Details = nil
		if _, err := manage(t, newFake(t, both...), w).Regions(t.Context()); err == nil || !strings.Contains(err.Error(), "does not name the Cloudflare account") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another token", func(t *testing.T) {
		s := httptest.NewTLSServer(newFake(t, both...))
		t.Cleanup(s.Close)
		const secret = "not-the-token"
		_, err := cloudflare.New(s.Client(), s.URL+"/client/v4", secret, world()).Regions(t.Context())
		if err == nil || !strings.Contains(err.Error(), "403 Forbidden: Authentication error (code 10000); the token wants the permission") || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v", err)
		}
	})
}
