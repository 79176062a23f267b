package handler

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	good := `{
  "version": 1,
  "routes": [
    {
      "name": "all",
      "match": {
        "path": "/{rest...}"
      },
      "respond": {
        "status": 200
      }
    }
  ]
}
`
	for _, c := range []struct{ name, model, region, want string }{
		{"good", good, "azure/westeurope", ""},
		{"no model", "", "", "polygate build"},
		{"bad model", `{"version":1}`, "", "model.json"},
		{"bad region", good, "westeurope", "POLYGATE_REGION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.name, "model.json")
			if c.model != "" {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(c.model), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := LoadFile(path, func(name string) string {
				if name == "POLYGATE_REGION" {
					return c.region
				}
				return ""
			}, Options{})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Load reads secrets from where the environment says they are, and refuses an environment that says it wrongly.
func TestLoadWithSecrets(t *testing.T) {
	var key string
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) { key = r.Header.Get("X-Key") })
	encoded, err := sending(t, up.URL, map[string]string{"X-Key": "${secret.KEY}"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KEY": "hush"}
	h, err := Load("model.json", encoded, func(name string) string { return env[name] }, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res := ask(h, get("/keyed")); res.StatusCode != 200 || key != "hush" {
		t.Errorf("status %d, X-Key %q", res.StatusCode, key)
	}
	env["POLYGATE_SECRETS"] = "KEY"
	if _, err := Load("model.json", encoded, func(name string) string { return env[name] }, Options{}); err == nil || !strings.Contains(err.Error(), "POLYGATE_SECRETS") {
		t.Errorf("references that are none: %v", err)
	}
}
