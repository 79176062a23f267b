package handler

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

func TestForeignHosts(t *testing.T) {
	m := model(t, gateway.Spec{Routes: routes(gateway.Route{
		Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Respond: &gateway.Respond{Status: 200, Body: "ours"},
	})})
	ours := []string{"api.example.com", "EastUS.azure.api.example.com"}
	for _, c := range []struct {
		name  string
		hosts []string
		host  string
		want  int
	}{
		{"shared name", ours, "api.example.com", 200},
		{"own name", ours, "eastus.azure.api.example.com", 200},
		{"capitals", ours, "API.Example.com", 200},
		{"with a port", ours, "api.example.com:443", 200},
		{"with the last dot", ours, "api.example.com.", 200},
		{"the cloud's own name", ours, "gw.azurewebsites.net", 421},
		{"below ours", ours, "x.api.example.com", 421},
		{"above ours", ours, "example.com", 421},
		{"ours before a foreign one", ours, "api.example.com.evil.test", 421},
		{"an address", ours, "[::1]:8080", 421},
		{"no host", ours, "", 421},
		{"no names", nil, "gw.azurewebsites.net", 200},
	} {
		for _, path := range []string{"/x", "/health", "/ready"} {
			t.Run(c.name+path, func(t *testing.T) {
				r := get("http://placeholder" + path)
				r.Host = c.host
				answer := ask(newHandler(t, m, Options{Hosts: c.hosts}), r)
				if answer.StatusCode != c.want {
					t.Fatalf("status %d, want %d", answer.StatusCode, c.want)
				}
				kind := answer.Header.Get("Content-Type")
				if c.want == http.StatusMisdirectedRequest && (kind != "application/problem+json" || answer.Header.Get("X-Request-Id") == "") {
					t.Errorf("the refusal is %q with request id %q", kind, answer.Header.Get("X-Request-Id"))
				}
			})
		}
	}
}

func TestHostsFromEnvironment(t *testing.T) {
	for text, want := range map[string][]string{
		"":                nil,
		"api.example.com": {"api.example.com"},
		"api.example.com, Use1.aws.api.example.com.": {"api.example.com", "use1.aws.api.example.com"},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := hostsFrom(func(name string) string { return map[string]string{health.EnvHosts: text}[name] })
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v; names (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, text := range []string{",", "api.example.com,", " "} {
		if _, err := hostsFrom(func(string) string { return text }); err == nil || !strings.Contains(err.Error(), health.EnvHosts) {
			t.Errorf("%q: the error is %v, want one that names %s", text, err, health.EnvHosts)
		}
	}
}
