package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Template is a value as the document writes it: text, with references in it that the gateway fills in for each request. $${ stands
// for the two characters ${ themselves.
type Template struct{ parts []part }

// part is some text and the reference after it, none at the end.
type part struct {
	text string
	ref  Reference
}

// Reference is what stands between ${ and }: a kind, and a name for those that have one.
type Reference struct {
	Kind ReferenceKind
	Name string
}

// ReferenceKind says where a reference's value comes from.
type ReferenceKind string

// The kinds. What a request does not have is empty.
const (
	RefSecret   ReferenceKind = "secret"          // ${secret.NAME}, which the stack file names in polygate:secrets; only towards upstreams
	RefMethod   ReferenceKind = "request.method"  // as the client sent it
	RefPath     ReferenceKind = "request.path"    // escaped, as the client sent it
	RefHost     ReferenceKind = "request.host"    // with its port
	RefID       ReferenceKind = "request.id"      // X-Request-Id
	RefHeader   ReferenceKind = "request.header"  // ${request.header.NAME}, several as one, joined by ", "
	RefQuery    ReferenceKind = "request.query"   // ${request.query.NAME}, the first of several
	RefParam    ReferenceKind = "request.path."   // ${request.path.NAME}, a parameter of match.path, decoded
	RefClient   ReferenceKind = "client.ip"       // as the front recorded it
	RefRegion   ReferenceKind = "region"          // that answers, provider/region
	RefConsumer ReferenceKind = "caller.consumer" // as a policy before found out
	RefPlan     ReferenceKind = "caller.plan"
	RefClaim    ReferenceKind = "claim" // ${claim.NAME} of a token
)

// aloneKinds have no name, namedKinds do.
var (
	aloneKinds = []ReferenceKind{RefMethod, RefPath, RefHost, RefID, RefClient, RefRegion, RefConsumer, RefPlan}
	namedKinds = []struct {
		prefix string
		kind   ReferenceKind
	}{{"secret.", RefSecret}, {"request.header.", RefHeader}, {"request.query.", RefQuery}, {"request.path.", RefParam}, {"claim.", RefClaim}}
)

// TemplateError says why a value is no template, and what would be right.
type TemplateError struct{ What, Remedy string }

// Error is both parts in one line.
func (e *TemplateError) Error() string { return e.What + "; " + e.Remedy }

// literally is how a value says that no reference is meant.
const literally = `$${ if the two characters themselves are meant`

// ParseTemplate reads a value. The error is a *TemplateError, whose words go on after "the value of header X".
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
		if !closed {
			return Template{}, &TemplateError{"has a ${ that is not closed", "write ${secret.NAME} for a secret, or " + literally}
		}
		ref, bad := parseReference(name)
		if bad != nil {
			return Template{}, bad
		}
		t.parts = append(t.parts, part{text: text.String(), ref: ref})
		text.Reset()
		value = rest
	}
}

func parseReference(text string) (Reference, *TemplateError) {
	if slices.Contains(aloneKinds, ReferenceKind(text)) {
		return Reference{Kind: ReferenceKind(text)}, nil
	}
	for _, k := range namedKinds {
		name, is := strings.CutPrefix(text, k.prefix)
		switch {
		case !is:
			continue
		case k.kind == RefSecret && !isSecretName(name):
			return Reference{}, &TemplateError{fmt.Sprintf("refers to the secret %s, which is no name of one", quote(name)),
				"write the name that polygate:secrets has: A-Z, 0-9 and _, beginning with a letter and not with POLYGATE_"}
		case k.kind == RefHeader && !isToken(name), k.kind == RefParam && !isParamName(name), name == "" || len(name) > 128 || strings.ContainsAny(name, "${"):
			return Reference{}, &TemplateError{fmt.Sprintf("refers to %s, whose name is none", quote("${"+text+"}")), "write the name after " + k.prefix}
		}
		return Reference{k.kind, name}, nil
	}
	var all []string
	for _, k := range aloneKinds {
		all = append(all, string(k))
	}
	for _, k := range namedKinds {
		all = append(all, k.prefix+"NAME")
	}
	known := "known are " + strings.Join(all, ", ") + "; write one of them"
	if near := Nearest(text, all); near != "" {
		known = "did you mean ${" + near + "}? Write that"
	}
	return Reference{}, &TemplateError{fmt.Sprintf("refers to %s, which is not known", quote("${"+text+"}")), known + ", or " + literally}
}

// isSecretName is the rule of polygate:secrets: names of variables, none of them the gateway's own.
func isSecretName(s string) bool {
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && !strings.HasPrefix(s, "POLYGATE_")
}

// References are those in it, in the order of the text; one that occurs twice is there twice.
func (t Template) References() []Reference {
	var refs []Reference
	for _, p := range t.parts {
		if p.ref != (Reference{}) {
			refs = append(refs, p.ref)
		}
	}
	return refs
}

// Secrets are the names of the secrets in it, in the order of the text; a name that occurs twice is there twice.
func (t Template) Secrets() []string {
	var names []string
	for _, ref := range t.References() {
		if ref.Kind == RefSecret {
			names = append(names, ref.Name)
		}
	}
	return names
}

// Secret is the name of the secret that the template is, with nothing beside it; false if it is anything else.
func (t Template) Secret() (string, bool) {
	if len(t.parts) != 2 || t.parts[0].text != "" || t.parts[1].text != "" || t.parts[0].ref.Kind != RefSecret {
		return "", false
	}
	return t.parts[0].ref.Name, true
}

// Plain is the text of a template without references; false if it has any.
func (t Template) Plain() (string, bool) {
	if len(t.parts) != 1 || t.parts[0].ref != (Reference{}) {
		return "", false
	}
	return t.parts[0].text, true
}

// Lead is the text before the first reference.
func (t Template) Lead() string { return t.parts[0].text }

// Fill is the value with its references filled in; the first error of value ends it.
func (t Template) Fill(value func(Reference) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
		if p.ref == (Reference{}) {
			continue
		}
		text, err := value(p.ref)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// Secrets are the names of the secrets that a route sends to its upstream, sorted, each once. A value that is no template,
// which no model has, holds none.
func (r Route) Secrets() []string { return secretsIn(maps.Values(r.Request.Headers.Set)) }

// secretsIn are the names of the secrets in templates, sorted, each once.
func secretsIn(values func(func(string) bool)) []string {
	var names []string
	for value := range values {
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
