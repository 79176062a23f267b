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
	Effect     string
	Actions    []string
	NotActions []string
	Resources  []string
	Principals map[string][]string // type (Service, AWS, Federated, *) to names
}

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

// parsePolicy reads a document; trust policies say who (Principal) and not what (Resource), permissions the other way
// round. The error is the message IAM gives.
func parsePolicy(text string, trust bool) (document, error) {
	var raw rawDocument
	if err := strict(json.RawMessage(text), &raw); err != nil {
		if !json.Valid([]byte(text)) {
			return document{}, fmt.Errorf("This policy contains invalid Json") //nolint:staticcheck // IAM's words
		}
		return document{}, fmt.Errorf("Syntax errors in policy. (%w)", err) //nolint:staticcheck // IAM's words
	}
	if raw.Version != "" && raw.Version != "2012-10-17" && raw.Version != "2008-10-17" {
		return document{}, fmt.Errorf("The policy contains invalid version %q; want 2012-10-17", raw.Version) //nolint:staticcheck // IAM's words
	}
	var rawStatements []rawStatement
	if len(raw.Statement) > 0 && raw.Statement[0] == '{' {
		raw.Statement = json.RawMessage("[" + string(raw.Statement) + "]")
	}
	if err := strict(raw.Statement, &rawStatements); err != nil || len(rawStatements) == 0 {
		return document{}, fmt.Errorf("Syntax errors in policy. (Statement)") //nolint:staticcheck // IAM's words
	}
	d := document{Version: raw.Version}
	for i, rs := range rawStatements {
		s, err := rs.normalise(trust)
		if err != nil {
			return document{}, fmt.Errorf("%w (statement %d)", err, i)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func strict(b json.RawMessage, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (rs rawStatement) normalise(trust bool) (s statement, err error) {
	//nolint:staticcheck // all messages below are IAM's words
	switch {
	case rs.Effect != "Allow" && rs.Effect != "Deny":
		return s, fmt.Errorf("Invalid effect: %s", rs.Effect)
	case (rs.Action == nil) == (rs.NotAction == nil):
		return s, fmt.Errorf("Policy statement must contain actions.")
	case trust && (rs.Resource != nil || rs.NotResource != nil):
		return s, fmt.Errorf("Has prohibited field Resource")
	case trust && rs.Principal == nil && rs.NotPrincipal == nil:
		return s, fmt.Errorf("Missing required field Principal")
	case !trust && (rs.Principal != nil || rs.NotPrincipal != nil):
		return s, fmt.Errorf("Policy document should not specify a principal.")
	case !trust && (rs.Resource == nil) == (rs.NotResource == nil):
		return s, fmt.Errorf("Policy statement must contain resources.")
	}
	s.Effect = rs.Effect
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
			return s, fmt.Errorf("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.") //nolint:staticcheck // IAM's words
		}
	}
	for _, r := range s.Resources {
		if r != "*" && !(strings.HasPrefix(r, "arn:") && strings.Count(r, ":") >= 5) {
			return s, fmt.Errorf("Resource %s must be in ARN format or \"*\".", r) //nolint:staticcheck // IAM's words
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
		return nil, fmt.Errorf("Syntax errors in policy.") //nolint:staticcheck // IAM's words
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
			return nil, fmt.Errorf("Invalid principal in policy: %q", star) //nolint:staticcheck // IAM's words
		}
		return map[string][]string{"*": {"*"}}, nil
	}
	var kinds map[string]json.RawMessage
	if err := json.Unmarshal(b, &kinds); err != nil || len(kinds) == 0 {
		return nil, fmt.Errorf("Invalid principal in policy") //nolint:staticcheck // IAM's words
	}
	out := map[string][]string{}
	for kind, names := range kinds {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind) {
			return nil, fmt.Errorf("Invalid principal in policy: %q", kind) //nolint:staticcheck // IAM's words
		}
		list, err := oneOrMany(names)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if kind == "Service" && !strings.HasSuffix(n, ".amazonaws.com") {
				return nil, fmt.Errorf("Invalid principal in policy: \"SERVICE\":%q", n) //nolint:staticcheck // IAM's words
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
