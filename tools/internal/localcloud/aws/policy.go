package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// document is an IAM policy document. One-or-many values are normalised to lists. Source: "Grammar of the IAM JSON
// policy language", docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type document struct {
	Version    string
	Statements []statement
}

type statement struct {
	ID         string // Sid, which may be left out
	Effect     string
	Actions    []string
	NotActions []string
	Resources  []string
	Principals map[string][]string // type (Service, AWS, Federated, *) to names
	Conditions map[string]map[string]any
}

// policyKind is what a document is attached to, which says what its statements name.
type policyKind int

const (
	identityPolicy policyKind = iota // what (Resource) a role may
	trustPolicy                      // who (Principal) may assume a role
	resourcePolicy                   // who may what with a resource
)

// rawDocument and rawStatement are the document as it is written.
type rawDocument struct {
	Version   string
	ID        string `json:"Id"`
	Statement json.RawMessage
}

type rawStatement struct {
	Sid                     string
	Effect                  string
	Action, NotAction       json.RawMessage
	Resource, NotResource   json.RawMessage
	Principal, NotPrincipal json.RawMessage
	Condition               map[string]map[string]any
}

// policyText is a policy as a program gives it: a JSON text, or an object the SDK turns into one.
func policyText(in resource.Props, name string) (string, error) {
	switch v := in[name].(type) {
	case string:
		return v, nil
	case resource.Props:
		b, err := json.Marshal(v)
		return string(b), err
	}
	return "", fmt.Errorf("%s must be a JSON policy document", name)
}

// parsePolicy reads a document. The error is the message IAM gives.
func parsePolicy(text string, kind policyKind) (document, error) {
	var raw rawDocument
	if err := strict(json.RawMessage(text), &raw); err != nil {
		if !json.Valid([]byte(text)) {
			return document{}, malformed("This policy contains invalid Json")
		}
		return document{}, malformed("Syntax errors in policy. (%w)", err)
	}
	if raw.Version != "" && raw.Version != "2012-10-17" && raw.Version != "2008-10-17" {
		return document{}, malformed("The policy contains invalid version %q; want 2012-10-17", raw.Version)
	}
	var rawStatements []rawStatement
	if len(raw.Statement) > 0 && raw.Statement[0] == '{' {
		raw.Statement = json.RawMessage("[" + string(raw.Statement) + "]")
	}
	if err := strict(raw.Statement, &rawStatements); err != nil || len(rawStatements) == 0 {
		return document{}, malformed("Syntax errors in policy. (Statement)")
	}
	d := document{Version: raw.Version}
	for i, rs := range rawStatements {
		s, err := rs.normalise(kind)
		if err != nil {
			return document{}, fmt.Errorf("%w (statement %d)", err, i)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

// malformed is an error in IAM's words, which begin with capitals and end with full stops.
func malformed(format string, args ...any) error { return fmt.Errorf(format, args...) }

func strict(b json.RawMessage, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (rs rawStatement) normalise(kind policyKind) (s statement, err error) {
	trust := kind == trustPolicy
	switch {
	case rs.Effect != "Allow" && rs.Effect != "Deny":
		return s, malformed("Invalid effect: %s", rs.Effect)
	case (rs.Action == nil) == (rs.NotAction == nil):
		return s, malformed("Policy statement must contain actions.")
	case trust && (rs.Resource != nil || rs.NotResource != nil):
		return s, malformed("Has prohibited field Resource")
	case kind != identityPolicy && rs.Principal == nil && rs.NotPrincipal == nil:
		return s, malformed("Missing required field Principal")
	case kind == identityPolicy && (rs.Principal != nil || rs.NotPrincipal != nil):
		return s, malformed("Policy document should not specify a principal.")
	case !trust && (rs.Resource == nil) == (rs.NotResource == nil):
		return s, malformed("Policy statement must contain resources.")
	}
	s.ID, s.Effect, s.Conditions = rs.Sid, rs.Effect, rs.Condition
	if s.Actions, err = oneOrMany(rs.Action); err != nil {
		return s, err
	}
	if s.NotActions, err = oneOrMany(rs.NotAction); err != nil {
		return s, err
	}
	if s.Resources, err = oneOrMany(rs.Resource); err != nil {
		return s, err
	}
	for _, a := range slices.Concat(s.Actions, s.NotActions) {
		if a != "*" && !strings.Contains(a, ":") {
			return s, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	for _, r := range s.Resources {
		if r != "*" && !(strings.HasPrefix(r, "arn:") && strings.Count(r, ":") >= 5) {
			return s, malformed("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	s.Principals, err = principals(rs.Principal)
	return s, err
}

func oneOrMany(b json.RawMessage) ([]string, error) {
	if b == nil {
		return nil, nil
	}
	var one string
	if json.Unmarshal(b, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil || len(many) == 0 {
		return nil, malformed("Syntax errors in policy.")
	}
	return many, nil
}

func principals(b json.RawMessage) (map[string][]string, error) {
	if b == nil {
		return nil, nil
	}
	var star string
	if json.Unmarshal(b, &star) == nil {
		if star != "*" {
			return nil, malformed("Invalid principal in policy: %q", star)
		}
		return map[string][]string{"*": {"*"}}, nil
	}
	var kinds map[string]json.RawMessage
	if err := json.Unmarshal(b, &kinds); err != nil || len(kinds) == 0 {
		return nil, malformed("Invalid principal in policy")
	}
	out := map[string][]string{}
	for kind, names := range kinds {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind) {
			return nil, malformed("Invalid principal in policy: %q", kind)
		}
		list, err := oneOrMany(names)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if kind == "Service" && !strings.HasSuffix(n, ".amazonaws.com") {
				return nil, malformed("Invalid principal in policy: \"SERVICE\":%q", n)
			}
		}
		out[kind] = list
	}
	return out, nil
}

// assumableBy reports whether a trust policy lets a service assume the role.
func (d document) assumableBy(service string) bool {
	allowed := false
	for _, s := range d.Statements {
		if !slices.ContainsFunc(s.Actions, func(a string) bool {
			return a == "*" || strings.EqualFold(a, "sts:*") || strings.EqualFold(a, "sts:AssumeRole")
		}) ||
			!slices.Contains(s.Principals["Service"], service) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}
