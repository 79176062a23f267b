package handler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

const frontSecret = "0123456789abcdef0123456789abcdef"

func digestOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// With a digest, only who shows the secret is served, on every path, and whatever the way in which the answer is sent.
func TestFrontRefusesOthers(t *testing.T) {
	for _, opts := range []Options{{}, {Buffered: true}, {Truncate: TruncateByMarker}} {
		var log logBuffer
		opts.Admission, opts.Logger = Admission{Digests: [][]byte{digestOf(frontSecret)}}, log.logger()
		h := newHandler(t, faulty(t), opts)
		for _, path := range []string{"/hello", "/none", "/nowhere", "/health", "/ready", "/a/%2e%2e/b"} {
			for name, shown := range map[string][]string{
				"nothing": nil, "empty": {""}, "wrong": {frontSecret[1:] + "0"}, "its digest": {hex.EncodeToString(digestOf(frontSecret))},
				"twice": {frontSecret, frontSecret}, "joined": {frontSecret + "," + frontSecret},
			} {
				t.Run(path+" "+name, func(t *testing.T) {
					r := get(path)
					r.Header[HeaderFront] = shown
					resp := ask(h, r)
					wantProblem(t, resp, http.StatusForbidden)
				})
			}
		}
		r := get("/hello")
		r.Header.Set(HeaderFront, frontSecret)
		if resp := ask(h, r); resp.StatusCode != 201 {
			t.Errorf("the front itself got %d", resp.StatusCode)
		}
		b, err := json.Marshal(log.lines(t, "request"))
		if err != nil || !strings.Contains(string(b), "403") || strings.Contains(string(b), frontSecret) {
			t.Errorf("log has %s, %v: want the refusals, and never the secret", b, err)
		}
	}
}

// The header ends here, whether it is asked for or not.
func TestFrontHeaderStays(t *testing.T) {
	var seen http.Header
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
	for name, opts := range map[string]Options{"asked for": {Admission: Admission{Digests: [][]byte{digestOf(frontSecret)}}}, "not asked for": {}} {
		t.Run(name, func(t *testing.T) {
			r := get("/x")
			r.Header.Set(HeaderFront, frontSecret)
			r.Header.Set("X-Other", "1")
			if resp := ask(newHandler(t, toAll(t, upstream(up.URL)), opts), r); resp.StatusCode != 200 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			if seen.Get("X-Other") != "1" || len(seen.Values(HeaderFront)) != 0 {
				t.Errorf("upstream got %v", seen)
			}
		})
	}
}

// Upstreams and the log are told of the client and the name that it asked the front for, and not of the front. Of who shows no
// secret nothing is believed.
func TestFrontNamesTheClient(t *testing.T) {
	var seen http.Header
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
	hosts, only := []string{"api.example.com", "use1.aws.api.example.com"}, Admission{Digests: [][]byte{digestOf(frontSecret)}}
	shown := []string{frontSecret}
	for _, c := range []struct {
		name   string
		opts   Options
		shown  []string
		told   []string
		client string
		host   string
	}{
		{"told", Options{Admission: only, Hosts: hosts}, shown, []string{"203.0.113.7"}, "203.0.113.7", hosts[0]},
		{"IPv6", Options{Admission: only, Hosts: hosts}, shown, []string{"2001:db8::7"}, "2001:db8::7", hosts[0]},
		{"no address", Options{Admission: only, Hosts: hosts}, shown, []string{"somebody"}, "192.0.2.9", hosts[0]},
		{"twice", Options{Admission: only, Hosts: hosts}, shown, []string{"203.0.113.7", "203.0.113.8"}, "192.0.2.9", hosts[0]},
		{"no hosts", Options{Admission: only}, shown, []string{"203.0.113.7"}, "203.0.113.7", hosts[1]},
		{"no front", Options{Hosts: hosts}, shown, []string{"203.0.113.7"}, "192.0.2.9", hosts[1]},
		{"open, no secret", Options{Admission: Admission{Digests: only.Digests, Open: true}, Hosts: hosts}, nil, []string{"203.0.113.7"}, "192.0.2.9", hosts[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logBuffer
			c.opts.Logger = log.logger()
			r := get("https://" + hosts[1] + "/x")
			r.RemoteAddr = "192.0.2.9:443"
			r.Header[HeaderFront], r.Header[headerClient] = c.shown, c.told
			if resp := ask(newHandler(t, toAll(t, upstream(up.URL)), c.opts), r); resp.StatusCode != 200 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			if seen.Get("X-Forwarded-For") != c.client || seen.Get("X-Forwarded-Host") != c.host || seen.Get(headerClient) != "" {
				t.Errorf("upstream got %v: want the client %s of %s", seen, c.client, c.host)
			}
			line := log.lines(t, "request")[0]
			if client, _ := clientAddr(fmt.Sprint(line["client"])); client.String() != c.client || line["host"] != c.host {
				t.Errorf("log has %v", line)
			}
		})
	}
}

// Every entry point begins by Load, which reads the digest; one that cannot be the digest must not mean that all may come.
func TestFrontDigestIsLoaded(t *testing.T) {
	m := model(t, gateway.Spec{Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Respond: &gateway.Respond{Status: 200}})})
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, digest, want string
		status             int
	}{
		{"none", "", "", 200},
		{"right", hex.EncodeToString(digestOf(frontSecret)), "", 403},
		{"two", hex.EncodeToString(digestOf(frontSecret)) + "," + hex.EncodeToString(digestOf("another")), "", 403},
		{"open", hex.EncodeToString(digestOf(frontSecret)) + ",open", "", 200},
		{"open to all", "open", health.EnvFrontDigest, 0},
		{"a digest and nothing", hex.EncodeToString(digestOf(frontSecret)) + ",", health.EnvFrontDigest, 0},
		{"short", "abcd", health.EnvFrontDigest, 0},
		{"no hex", strings.Repeat("x", 64), health.EnvFrontDigest, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Load("model.json", encoded, func(name string) string {
				if name == health.EnvFrontDigest {
					return c.digest
				}
				return ""
			}, Options{})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one about %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if resp := ask(h, get("/x")); resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}

// While the secret is changed both are taken, and nothing else; while a front is put before the gateway, so is who shows none,
// and still nobody who shows a wrong one.
func TestFrontChanges(t *testing.T) {
	both := [][]byte{digestOf(frontSecret), digestOf("another")}
	for _, c := range []struct {
		name  string
		front Admission
		shown []string
		want  int
	}{
		{"the new one", Admission{Digests: both}, []string{frontSecret}, 201},
		{"the one before", Admission{Digests: both}, []string{"another"}, 201},
		{"a third", Admission{Digests: both}, []string{"a third"}, 403},
		{"none", Admission{Digests: both}, nil, 403},
		{"none, while open", Admission{Digests: both, Open: true}, nil, 201},
		{"a third, while open", Admission{Digests: both, Open: true}, []string{"a third"}, 403},
		{"two, while open", Admission{Digests: both, Open: true}, []string{frontSecret, frontSecret}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("/hello")
			r.Header[HeaderFront] = c.shown
			if resp := ask(newHandler(t, faulty(t), Options{Admission: c.front}), r); resp.StatusCode != c.want {
				t.Errorf("status %d, want %d", resp.StatusCode, c.want)
			}
		})
	}
}
