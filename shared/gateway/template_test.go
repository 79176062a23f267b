package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	fill := func(ref Reference) (string, error) { return "<" + ref.Name + ">", nil }
	for _, c := range []struct {
		name, value, want string
		secrets           []string
	}{
		{"plain text", "polygate", "polygate", nil},
		{"nothing", "", "", nil},
		{"a secret alone", "${secret.KEY}", "<KEY>", []string{"KEY"}},
		{"a secret in text", "Bearer ${secret.PARTNER_KEY_2}!", "Bearer <PARTNER_KEY_2>!", []string{"PARTNER_KEY_2"}},
		{"several", "${secret.B}:${secret.A}${secret.B}", "<B>:<A><B>", []string{"B", "A", "B"}},
		{"the two characters themselves", "$${secret.KEY} ${secret.KEY}", "${secret.KEY} <KEY>", []string{"KEY"}},
		{"dollars and braces", "$5 {x} $ $x }", "$5 {x} $ $x }", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tpl, err := ParseTemplate(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := tpl.Fill(fill); err != nil || got != c.want {
				t.Errorf("text is %q, want %q", got, c.want)
			}
			if got := tpl.Secrets(); !slices.Equal(got, c.secrets) {
				t.Errorf("secrets are %q, want %q", got, c.secrets)
			}
		})
	}
}

func TestTemplateRefuses(t *testing.T) {
	for value, what := range map[string]string{
		"Bearer ${secret.KEY":        "not closed",
		"${env.HOME}":                `"${env.HOME}", which is not known`,
		"${}":                        `"${}", which is not known`,
		"${secret.}":                 `the secret "", which is no name`,
		"${secret.key}":              `the secret "key", which is no name`,
		"${secret.1KEY}":             `the secret "1KEY", which is no name`,
		"${secret.KEY }":             `the secret "KEY ", which is no name`,
		"${secret.${secret.KEY}}":    `which is no name`,
		"${secret.POLYGATE_SECRETS}": `the secret "POLYGATE_SECRETS", which is no name`,
	} {
		_, err := ParseTemplate(value)
		var bad *TemplateError
		if !errors.As(err, &bad) || !strings.Contains(bad.What, what) || bad.Remedy == "" {
			t.Errorf("%s: %v, want a refusal that says %q", value, err, what)
		}
	}
}

// TestModelSecrets: those of every route, once each; what a client would read is not searched, as no model has one there.
func TestModelSecrets(t *testing.T) {
	s := sample()
	if got := mustNew(t, s).Secrets(); len(got) != 0 {
		t.Errorf("a model without secrets has %q", got)
	}
	s.Routes[0].Request.Headers.Set = map[string]string{"Authorization": "Bearer ${secret.TOKEN}", "X-Key": "${secret.KEY}", "X-Both": "${secret.KEY}${secret.TOKEN}"}
	if got := mustNew(t, s).Secrets(); !slices.Equal(got, []string{"KEY", "TOKEN"}) {
		t.Errorf("secrets are %q", got)
	}
}

// FuzzParseTemplate: what is taken comes out as it went in, but for references and the escape; what is refused says why.
func FuzzParseTemplate(f *testing.F) {
	for _, s := range []string{"", "a", "${secret.KEY}", "Bearer ${secret.A}${secret.B_2}", "$${x}", "$$${", "${", "${env.X}", "$", "{}", "${request.method}", "${request.path}${request.path.id}", "${claim.a b}", "${request.query.$}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		tpl, err := ParseTemplate(value)
		if err != nil {
			var bad *TemplateError
			if !errors.As(err, &bad) || bad.What == "" || bad.Remedy == "" {
				t.Fatalf("%q: %v", value, err)
			}
			return
		}
		again, err := tpl.Fill(func(ref Reference) (string, error) {
			if ref.Name == "" {
				return "\x00" + string(ref.Kind) + "\x01", nil
			}
			return "\x00" + strings.TrimSuffix(string(ref.Kind), ".") + "." + ref.Name + "\x01", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		again = strings.NewReplacer("\x00", "${", "\x01", "}").Replace(strings.ReplaceAll(again, "${", "$${"))
		if !strings.ContainsAny(value, "\x00\x01") && again != value {
			t.Errorf("%q is taken for %q", value, again)
		}
		for _, name := range tpl.Secrets() {
			if !isSecretName(name) {
				t.Errorf("%q holds the secret %q", value, name)
			}
		}
	})
}
