package handler

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

// vault is a secret.Source.
type vault map[string]string

func (v vault) Read(_ context.Context, name string) (string, error) {
	text, ok := v[name]
	if !ok {
		return "", &secret.Error{Name: name, Reason: secret.Denied, Detail: "the role may not read arn:of:" + name}
	}
	return text, nil
}

// sending is a model with a route that sends headers to an upstream, and one that sends none.
func sending(t testing.TB, url string, set map[string]string) *gateway.Model {
	return model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream(url)}, Routes: routes(
		gateway.Route{Name: "keyed", Match: gateway.Match{Path: "/keyed"}, Upstream: "up", Request: gateway.Edit{Headers: gateway.HeaderOps{Set: set, Remove: []string{"Cookie"}}},
			Response: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{"X-Region": "$${here}"}}}},
		gateway.Route{Name: "plain", Match: gateway.Match{Path: "/plain"}, Upstream: "up"},
		gateway.Route{Name: "fixed", Match: gateway.Match{Path: "/fixed"}, Respond: &gateway.Respond{Status: 200, Headers: map[string]string{"X-Fixed": "$${here}"}, Body: "${here}"}},
	)})
}

func TestSecretHeaders(t *testing.T) {
	var got http.Header
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	log := &logBuffer{}
	m := sending(t, up.URL, map[string]string{"authorization": "Bearer ${secret.KEY}", "X-Two": "${secret.KEY}:${secret.OTHER}", "X-Plain": "$${secret.KEY}"})
	h := newHandler(t, m, Options{Logger: log.logger(), Secrets: secret.New(vault{"KEY": "hush", "OTHER": "hush-too\n"}, log.logger())})

	r := get("/keyed")
	r.Header.Set("Authorization", "Bearer the client's own")
	r.Header.Set("Cookie", "a=1")
	res := ask(h, r)
	for name, want := range map[string]string{"Authorization": "Bearer hush", "X-Two": "hush:hush-too", "X-Plain": "${secret.KEY}", "Cookie": ""} {
		if v := strings.Join(got.Values(name), "|"); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if res.StatusCode != 200 || res.Header.Get("X-Region") != "${here}" {
		t.Errorf("status %d, X-Region %q", res.StatusCode, res.Header.Get("X-Region"))
	}
	if res := ask(h, get("/fixed")); res.Header.Get("X-Fixed") != "${here}" || body(t, res) != "${here}" {
		t.Errorf("a fixed answer has X-Fixed %q", res.Header.Get("X-Fixed"))
	}
	if ask(h, get("/plain")); got.Get("Authorization") != "" || got.Get("X-Two") != "" {
		t.Errorf("another route sends %v", got)
	}
	if text := log.b.String(); strings.Contains(text, "hush") {
		t.Errorf("a value is in the log: %s", text)
	}
}

// A secret that cannot be read: 503 with a code for the routes that need it, nothing is sent, the others go on, and /ready
// tells which one and, in a few words, why. The value of one that can be read but not be sent is nowhere.
func TestSecretUnavailable(t *testing.T) {
	for _, c := range []struct {
		name   string
		vault  vault
		reason string
	}{
		{"denied", vault{}, "it may not be read"},
		{"a value of two lines", vault{"KEY": "hush\r\nX-Injected: 1"}, "its value cannot be used"},
		{"a value with a letter beyond ASCII", vault{"KEY": "hüsh"}, "its value cannot be used"},
		{"a value with spaces at the ends", vault{"KEY": " hush"}, "its value cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := map[string]int{}
			up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) { asked[r.URL.Path]++ })
			log := &logBuffer{}
			h := newHandler(t, sending(t, up.URL, map[string]string{"Authorization": "Bearer ${secret.KEY}"}),
				Options{Logger: log.logger(), Secrets: secret.New(c.vault, nil)})
			res := ask(h, get("/keyed"))
			region := res.Header.Get("X-Region")
			text := body(t, res)
			var p problem
			if err := json.Unmarshal([]byte(text), &p); err != nil || res.StatusCode != 503 || p.Status != 503 || p.Code != "secret_unavailable" {
				t.Errorf("answer is %d %s, want 503 with a code", res.StatusCode, text)
			}
			if region != "${here}" {
				t.Errorf("the answer lacks the route's headers: X-Region is %q", region)
			}
			if said := strings.ReplaceAll(text, p.RequestID, ""); strings.Contains(said, "KEY") || strings.Contains(said, "arn") {
				t.Errorf("the answer names the secret: %s", text)
			}
			if res := ask(h, get("/plain")); res.StatusCode != 200 {
				t.Errorf("a route without secrets answers %d", res.StatusCode)
			}
			if asked["/keyed"] != 0 || asked["/plain"] != 1 {
				t.Errorf("the upstream was asked for %v", asked)
			}
			if lines := log.lines(t, "secret unavailable"); len(lines) != 1 || lines[0]["route"] != "keyed" || !strings.Contains(lines[0]["error"].(string), "secret KEY: "+c.reason) {
				t.Errorf("the log says %v", lines)
			}

			ready := ask(h, get("/ready"))
			readyText := body(t, ready)
			var report health.Report
			if err := json.Unmarshal([]byte(readyText), &report); err != nil || ready.StatusCode != 503 || report.Status != health.StatusDegraded {
				t.Errorf("/ready answers %d %s", ready.StatusCode, readyText)
			}
			if len(report.Secrets) != 1 || report.Secrets[0] != (health.Secret{Name: "KEY", Error: c.reason}) || !report.Upstreams[0].Reachable {
				t.Errorf("/ready reports %s", readyText)
			}
			if res := ask(h, get("/health")); res.StatusCode != 200 || strings.Contains(body(t, res), "KEY") {
				t.Errorf("/health answers %d: the process is well", res.StatusCode)
			}
			for _, seen := range []string{text, readyText, log.b.String()} {
				if strings.Contains(seen, "hush") || strings.Contains(seen, "hüsh") || strings.Contains(readyText, "arn") {
					t.Errorf("something of the value, or of where it is, is shown: %s", seen)
				}
			}
		})
	}
}

// An upstream answers a TRACE with the request as it came: none that holds a secret is sent.
func TestSecretsAreNotTraced(t *testing.T) {
	asked := 0
	up := serveFunc(t, func(http.ResponseWriter, *http.Request) { asked++ })
	h := newHandler(t, sending(t, up.URL, map[string]string{"X-A": "${secret.A}"}), Options{Secrets: secret.New(vault{"A": "1"}, nil)})
	res := ask(h, httptest.NewRequest(http.MethodTrace, "/keyed", nil))
	if allow := res.Header.Get("Allow"); !strings.Contains(allow, "GET") || strings.Contains(allow, "TRACE") || asked != 0 {
		t.Errorf("Allow is %q, and the upstream was asked %d times", allow, asked)
	}
	wantProblem(t, res, http.StatusMethodNotAllowed)
	if res := ask(h, httptest.NewRequest(http.MethodTrace, "/plain", nil)); res.StatusCode != 200 || asked != 1 {
		t.Errorf("a route without secrets answers %d", res.StatusCode)
	}
}

func TestReadyWithSecrets(t *testing.T) {
	up := serveFunc(t, func(http.ResponseWriter, *http.Request) {})
	h := newHandler(t, sending(t, up.URL, map[string]string{"X-B": "${secret.B}", "X-A": "${secret.A}${secret.B}"}), Options{Secrets: secret.New(vault{"A": "1", "B": "2"}, nil)})
	var report health.Report
	res := ask(h, get("/ready"))
	if err := json.Unmarshal([]byte(body(t, res)), &report); err != nil || res.StatusCode != 200 || report.Status != health.StatusOK {
		t.Errorf("/ready answers %d %+v", res.StatusCode, report)
	}
	if want := []health.Secret{{Name: "A", Readable: true}, {Name: "B", Readable: true}}; len(report.Secrets) != 2 || report.Secrets[0] != want[0] || report.Secrets[1] != want[1] {
		t.Errorf("secrets are %+v", report.Secrets)
	}
}

func TestSecretsNeedAReader(t *testing.T) {
	if _, err := New(sending(t, "http://a.example", map[string]string{"X-A": "${secret.A}"}), Options{}); err == nil || !strings.Contains(err.Error(), "the secrets A") {
		t.Errorf("%v, want that nothing reads A", err)
	}
}

// BenchmarkSecretHeader is what a secret adds to a request: BenchmarkServe/proxy is without one.
func BenchmarkSecretHeader(b *testing.B) {
	h := newHandler(b, sending(b, "http://a.example", map[string]string{"Authorization": "Bearer ${secret.KEY}"}), Options{Transport: canned{}, Secrets: secret.New(vault{"KEY": "hush"}, nil)})
	r := get("/keyed")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nowhere{http.Header{}}, r)
	}
}
