package schema

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"polygate.example/infra/settings"
)

// Every stack file of the project is taken, those of the examples among them.
func TestStackFiles(t *testing.T) {
	text, err := Stack()
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, text)
	for _, pattern := range []string{"../../../stacks/Pulumi.*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < 4 {
			t.Fatalf("%d files at %s, want at least 4", len(files), pattern)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(asJSON(t, b)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

const stack = `config:
  polygate:hostname: api.example.com
  polygate:zone: example.com
  polygate:manager: route53
  polygate:regions: [aws/us-east-1]
  gcp:project: mine
`

func TestStack(t *testing.T) {
	text, err := Stack()
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, text)
	for line, want := range map[string]bool{
		"":                     true,
		"  polygate:ttl: 30\n": true,
		"  polygate:ttl: 0\n":  false,
		"  polygate:tll: 30\n": false,
		"  polygate:check: {interval: 10, path: /ready}\n":         true,
		"  polygate:check: {intervall: 10}\n":                      false,
		"  polygate:check: {interval: ten}\n":                      false,
		"  polygate:pattern: active-passive\n":                     true,
		"  polygate:pattern: actve-passive\n":                      false,
		"  polygate:weights: {aws/us-east-1: 20}\n":                true,
		"  polygate:weights: {us-east-1: 20}\n":                    false,
		"  polygate:certificate: {pfx: a, acme: {email: a@b.c}}\n": true,
		"  polygate:certificate: {pfx: a, acme: {mail: a@b.c}}\n":  false,
		"  polygate:frontSecret: {secure: v1:abc}\n":               true,
		"  aws:region: us-east-1\n":                                true,
		"  hostname: a\n":                                          false,
		"config2: {}\n":                                            false,
		"encryptionsalt: a\n":                                      true,
	} {
		if err := s.Validate(asJSON(t, []byte(stack+line))); (err == nil) != want {
			t.Errorf("%q is taken: %v, want %v (%v)", line, err == nil, want, err)
		}
	}
}

// Every dial has a line in the schema, and no line is of a dial that there is not.
func TestEveryDial(t *testing.T) {
	all := dials()
	for _, key := range settings.Keys() {
		if all[key].text == "" || all[key].shape == nil {
			t.Errorf("polygate:%s has no line in dials", key)
		}
	}
	for key := range all {
		if !slices.Contains(settings.Keys(), key) {
			t.Errorf("there is no polygate:%s", key)
		}
	}
}
