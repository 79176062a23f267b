package azurehost

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Source: "host.json reference for Azure Functions 2.x and later", "Azure Functions custom handlers", "Azure Functions
// HTTP trigger".
func TestLoadRefuses(t *testing.T) {
	const (
		host     = `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"},"enableForwardingHttpRequest":true}}`
		function = `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous"},{"type":"http","direction":"out","name":"res"}]}`
	)
	for _, tt := range []struct {
		name, host, function string
		file, want           string
	}{
		{"no host.json", "", function, "host.json", "missing from the package"},
		{"not JSON", "{", function, "host.json", "not valid JSON"},
		{"version", `{"version":"1.0"}`, function, "host.json", `version is "1.0"`},
		{"no custom handler", `{"version":"2.0"}`, function, "host.json", "customHandler is missing"},
		{"no executable named", `{"version":"2.0","customHandler":{"enableForwardingHttpRequest":true}}`, function, "host.json", "defaultExecutablePath is missing"},
		{"no such executable", strings.Replace(host, `"handler"`, `"other"`, 1), function, "host.json", "is not a file of the package"},
		{"executable outside", strings.Replace(host, `"handler"`, `"../../bin/sh"`, 1), function, "host.json", "is not inside the package"},
		{"neither mode", strings.Replace(host, "true", "false", 1), function, "host.json", "neither enableForwardingHttpRequest nor enableProxyingHttpRequest"},
		{"no function", host, "", "host.json", "no functions found"},
		{"no trigger", host, `{"bindings":[{"type":"http","direction":"out","name":"res"}]}`, "gateway/function.json", "one httpTrigger and one http output"},
		{"another trigger", host, `{"bindings":[{"type":"queueTrigger","direction":"in","name":"q"}]}`, "gateway/function.json", `type "queueTrigger"`},
		{"a constraint", host, strings.Replace(function, `"anonymous"`, `"anonymous","route":"{id:int}"`, 1), "gateway/function.json", "constraint"},
		{"auth level", host, strings.Replace(function, `"anonymous"`, `"nobody"`, 1), "gateway/function.json", `authLevel "nobody"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put := func(name, content string) {
				if content == "" {
					return
				}
				path := filepath.Join(root, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			put("host.json", tt.host)
			put("handler", "#!")
			put("gateway/function.json", tt.function)
			_, err := Load(root)
			var bad *ConfigError
			if !errors.As(err, &bad) || bad.File != tt.file || !strings.Contains(bad.Problem, tt.want) {
				t.Errorf("got %v, want %s with %q", err, tt.file, tt.want)
			}
		})
	}
}

// Source: "Azure Functions HTTP trigger", customize the HTTP endpoint.
func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		template, path string
		want           bool
	}{
		{"{*path}", "/", true},
		{"{*path}", "/a/b/c", true},
		{"api/{*path}", "/api", true},
		{"api/{*path}", "/other", false},
		{"API/items", "/api/Items/", true},
		{"api/items/{id}", "/api/items/7", true},
		{"api/items/{id}", "/api/items", false},
		{"api/items/{id}", "/api/items/7/x", false},
		{"api/items/{id?}", "/api/items", true},
		{"api/items/{id?}", "/api/items/7", true},
		{"api/items/{id?}", "/api/items/7/8", false},
	} {
		r, err := newRoute("f", tt.template, nil, "anonymous")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.matches(tt.path); got != tt.want {
			t.Errorf("%s matches %s: %v, want %v", tt.template, tt.path, got, tt.want)
		}
	}
}

// The first row of each was observed on the Azure Functions host 4.1045; the others follow from the host's source.
func TestRewriting(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"q=1&q=2%26", "?q=1,2%26"},
		{"a=x+y&b=%2B", "?a=x%20y&b=%2B"},
		{"q=1&Q=2&b=", "?q=1,2&b="},
		{"flag", "?flag="},
		{"", ""},
		{"x=%zz", "?x=%25zz"},
	} {
		if got := forwardQuery(tt.in); got != tt.want {
			t.Errorf("forwarded query of %q is %q, want %q", tt.in, got, tt.want)
		}
	}
	for _, tt := range []struct{ in, forward, proxy string }{
		{"/a%2Fb", "/a%2Fb", "/a%252Fb"},
		{"/a%20b/%C3%A9", "/a%20b/%C3%A9", "/a%20b/%C3%A9"},
		{"/100%25", "/100%25", "/100%25"},
		{"/a%41", "/aA", "/aA"},
		{"/a%3Fb", "/a", "/a%3Fb"},
		{"/", "/", "/"},
	} {
		if got := forwardPath(tt.in); got != tt.forward {
			t.Errorf("forwarded path of %q is %q, want %q", tt.in, got, tt.forward)
		}
		if got := proxyPath(tt.in); got != tt.proxy {
			t.Errorf("proxied path of %q is %q, want %q", tt.in, got, tt.proxy)
		}
	}
}
