package handler

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// withPolicies is a model with one route that has policies in an order.
func withPolicies(t testing.TB, policies map[string]gateway.Policy, order ...string) *gateway.Model {
	t.Helper()
	return model(t, gateway.Spec{Policies: policies, Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: order, Respond: &gateway.Respond{Status: 200, Body: "ok"}})})
}

// from is a request of a client at an address.
func from(address, target string) *http.Request {
	r := get(target)
	r.RemoteAddr = address
	return r
}

// The policies of every route come before its own, each list in its order, and the answer passes them the other way around.
func TestPolicyOrder(t *testing.T) {
	var said []string
	note := func(name string) policy {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				said = append(said, name)
				exchangeOf(r).beforeHead(func(int, http.Header) { said = append(said, name+" again") })
				next.ServeHTTP(w, r)
			})
		}
	}
	end := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	ask(identify(chain(end, []string{"a", "b"}, map[string]policy{"a": note("a"), "b": note("b")}), ""), get("/"))
	if got := strings.Join(said, ", "); got != "a, b, b again, a again" {
		t.Errorf("order: %s", got)
	}
	m := model(t, gateway.Spec{
		Policies: map[string]gateway.Policy{"a": {IP: &gateway.IP{Deny: []string{"192.0.2.1"}}}, "b": {IP: &gateway.IP{Deny: []string{"192.0.2.2"}}}}, Everywhere: []string{"b"},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/a"}, Policies: []string{"a"}, Respond: &gateway.Respond{Status: 200}}),
	})
	if got := m.PoliciesOf(m.Routes()[0]); strings.Join(got, ", ") != "b, a" {
		t.Errorf("policies of the route: %v", got)
	}
}

// A denial is in the log with its reason, which the answer does not have.
func TestDenied(t *testing.T) {
	var log bytes.Buffer
	m := withPolicies(t, map[string]gateway.Policy{"office": {IP: &gateway.IP{Allow: []string{"192.0.2.0/24", "2001:db8::/32"}, Deny: []string{"192.0.2.66"}}}}, "office")
	h := newHandler(t, m, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for address, want := range map[string]int{
		"192.0.2.7:1": 200, "192.0.2.7": 200, "[2001:db8::1]:1": 200, "[::ffff:192.0.2.7]:1": 200,
		"192.0.2.66:1": 403, "[::ffff:192.0.2.66]:1": 403, "198.51.100.1:1": 403, "": 403, "@": 403, "[2001:db9::1]:1": 403,
	} {
		log.Reset()
		resp := ask(h, from(address, "/x"))
		if resp.StatusCode != want {
			t.Errorf("%q: %d, want %d", address, resp.StatusCode, want)
		}
		line := log.String()
		if denied := strings.Contains(line, "msg=denied") && strings.Contains(line, "policy=office route=all"); denied != (want == 403) {
			t.Errorf("%q: the log says\n%s", address, line)
		}
		if want == 403 {
			wantProblem(t, resp, 403)
			if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "why=") {
				t.Errorf("%q: the log says\n%s", address, line)
			}
		}
	}
	// What probes ask has no policies.
	if resp := ask(h, from("198.51.100.1:1", "/health")); resp.StatusCode != 200 {
		t.Errorf("/health of a denied address: %d", resp.StatusCode)
	}
}
