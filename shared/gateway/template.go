package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Template is a header's value as the document writes it: text, with references in it that the gateway fills in. The only
// kind of reference is ${secret.NAME}, a secret that the stack file names in polygate:secrets. $${ stands for the two
// characters ${ themselves.
type Template struct{ parts []part }

// part is some text and the secret after it, "" at the end.
type part struct{ text, secret string }

// TemplateError says why a value is no template, and what would be right.
type TemplateError struct{ What, Remedy string }

// Error is both parts in one line.
func (e *TemplateError) Error() string { return e.What + "; " + e.Remedy }

const secretPrefix = "secret."

// literally is how a value says that no reference is meant.
const literally = `$${ if the two characters themselves are meant`

// ParseTemplate reads a header's value. The error is a *TemplateError, whose words go on after "the value of header X".
func ParseTemplate(value string) (Template, error) {
	var t Template
	var text strings.Builder
	for {
		before, after, found := strings.Cut(value, "${")
		if !found {
			t.parts = append(t.parts, part{text: text.String() + value})
			return t, nil
		}
		if strings.HasSuffix(before, "$") {
			text.WriteString(before + "{")
			value = after
			continue
		}
		text.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		secret, known := strings.CutPrefix(name, secretPrefix)
		switch {
		case !closed:
			return Template{}, &TemplateError{"has a ${ that is not closed", "write ${secret.NAME} for a secret, or " + literally}
		case !known:
			return Template{}, &TemplateError{fmt.Sprintf("refers to %s, which is not known", quote("${"+name+"}")), "write ${secret.NAME} for a secret, or " + literally}
		case !isSecretName(secret):
			return Template{}, &TemplateError{fmt.Sprintf("refers to the secret %s, which is no name of one", quote(secret)),
				"write the name that polygate:secrets has: A-Z, 0-9 and _, beginning with a letter and not with POLYGATE_"}
		}
		t.parts = append(t.parts, part{text: text.String(), secret: secret})
		text.Reset()
		value = rest
	}
}

// isSecretName is the rule of polygate:secrets: names of variables, none of them the gateway's own.
func isSecretName(s string) bool {
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && !strings.HasPrefix(s, "POLYGATE_")
}

// Secrets are the names of the secrets in it, in the order of the text; a name that occurs twice is there twice.
func (t Template) Secrets() []string {
	var names []string
	for _, p := range t.parts {
		if p.secret != "" {
			names = append(names, p.secret)
		}
	}
	return names
}

// Text is the value with its secrets filled in.
func (t Template) Text(secret func(name string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
		if p.secret != "" {
			b.WriteString(secret(p.secret))
		}
	}
	return b.String()
}

// Secrets are the names of the secrets that a route sends to its upstream, sorted, each once. A value that is no template,
// which no model has, holds none.
func (r Route) Secrets() []string {
	var names []string
	for _, value := range r.Request.Headers.Set {
		if t, err := ParseTemplate(value); err == nil {
			names = append(names, t.Secrets()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Secrets are the names of the secrets that the model needs, sorted, each once.
func (m *Model) Secrets() []string {
	names := map[string]bool{}
	for _, r := range m.spec.Routes {
		for _, name := range r.Secrets() {
			names[name] = true
		}
	}
	for _, p := range m.spec.Policies {
		for _, name := range p.Secrets() {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Usable tests the text of a secret against all that the model uses it for: a header carries one line of text (RFC 9110, 5.5), and
// policies have rules of their own. The error says what is wrong without the text.
func (m *Model) Usable(name, text string) error {
	header := false
	for _, r := range m.spec.Routes {
		header = header || slices.Contains(r.Secrets(), name)
	}
	for _, p := range m.spec.Policies {
		for _, k := range p.kinds() {
			if !slices.Contains(k.kind.secrets(), name) {
				continue
			}
			reader, own := k.kind.(secretReader)
			if !own {
				header = true
			} else if err := reader.usable(name, text); err != nil {
				return err
			}
		}
	}
	if header && !IsFieldValue(text) {
		return errors.New("it holds a character that headers cannot carry: want visible ASCII on one line, no spaces at the ends")
	}
	return nil
}

var _ error = (*TemplateError)(nil)
