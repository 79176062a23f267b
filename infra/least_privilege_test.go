package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/internal/record"
)

// wildcards are the ones that cannot be had narrower, each with its reason in the code that declares it.
var wildcards = []*regexp.Regexp{
	regexp.MustCompile(`^gateway-aws-[a-z0-9]+-log-policy\.policy\.Resource arn:[^*]+:log-stream:\*$`),
	regexp.MustCompile(`^gateway-aws-[a-z0-9]+-permission\.sourceArn arn:[^*]+/\*/\$default$`),
}

// actions are all that any policy or permission of the program allows.
var actions = []string{
	"lambda:InvokeFunction", // API Gateway, of one alias
	"logs:CreateLogStream", "logs:PutLogEvents",
	"secretsmanager:GetSecretValue", "sns:Publish", "ssm:GetParameter", "sts:AssumeRole",
}

// statement is what a policy document says, with one or many of each as AWS writes it.
type statement struct {
	Effect                                   string
	Action, NotAction, Resource, NotResource many
	Principal                                json.RawMessage
	Condition, NotPrincipal                  json.RawMessage
	Sid                                      string
}

// many is a text or a list of texts.
type many []string

// UnmarshalJSON reads either.
func (m *many) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*m = many{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(m))
}

// texts lists every text among the inputs of a resource by where it is.
func texts(where string, v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case string:
		out[where] = v
	case []any:
		for i, e := range v {
			maps.Copy(out, texts(fmt.Sprintf("%s[%d]", where, i), e))
		}
	case map[string]any:
		for k, e := range v {
			maps.Copy(out, texts(where+"."+k, e))
		}
	}
	return out
}

// statementsOf reads a text that is a policy document; false if it is none.
func statementsOf(text string) ([]statement, bool) {
	var doc struct {
		Version   string
		Statement []statement
	}
	if json.Unmarshal([]byte(text), &doc) != nil || doc.Statement == nil {
		return nil, false
	}
	return doc.Statement, true
}

// overreach says what a set of resources allows too much, and how many policy documents were read.
func overreach(resources []record.Resource) (problems []string, documents int) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	narrow := func(where, text string) {
		if strings.Contains(text, "*") && !slices.ContainsFunc(wildcards, func(w *regexp.Regexp) bool { return w.MatchString(where + " " + text) }) {
			bad("an undocumented wildcard: %s %s", where, text)
		}
	}
	for _, r := range resources {
		for key, v := range r.Inputs {
			for where, text := range texts(r.Name+"."+key, v) {
				statements, isPolicy := statementsOf(text)
				if !isPolicy {
					// What is no policy can still be a pattern of one; only prose, metric math and queries may have the sign.
					if key != "metricQueries" && key != "description" && key != "criteria" {
						narrow(where, text)
					}
					continue
				}
				documents++
				for _, s := range statements {
					if s.Effect == "Deny" && len(s.NotAction)+len(s.NotResource)+len(s.NotPrincipal) == 0 {
						continue // takes away, from however many
					}
					if len(s.NotAction)+len(s.NotResource)+len(s.NotPrincipal) > 0 || s.Effect != "Allow" {
						bad("%s allows what it does not name", where)
					}
					for _, a := range s.Action {
						if !slices.Contains(actions, a) {
							bad("%s allows the action %s", where, a)
						}
					}
					for _, resource := range s.Resource {
						narrow(where+".Resource", resource)
					}
					narrow(where+".Principal", string(s.Principal))
				}
			}
		}
		if a, ok := r.Inputs["action"].(string); ok && strings.HasPrefix(r.Type, "aws:lambda/permission") && !slices.Contains(actions, a) {
			bad("%s allows the action %s", r.Name, a)
		}
	}
	return problems, documents
}

// Every policy document of the program, with every dial that adds one.
func TestLeastPrivilege(t *testing.T) {
	aws, _ := up(t, "staging", withSecrets(operated(dials("aws/us-east-1", "aws/eu-west-1"))))
	all, _ := up(t, "staging", operated(dials(six...)))
	for _, c := range []struct {
		name      string
		rec       *record.Recorder
		documents int // trust, log and topic of each AWS region, its secrets in the first case, and the store's
	}{{"aws", aws, 9}, {"all providers", all, 7}} {
		t.Run(c.name, func(t *testing.T) {
			problems, documents := overreach(c.rec.All())
			for _, p := range problems {
				t.Error(p)
			}
			if documents != c.documents {
				t.Errorf("%d policy documents were read, want %d", documents, c.documents)
			}
		})
	}
}

// azureRoles are all roles that Azure's part assigns, each with the form of what it is on: one resource.
var azureRoles = map[string]*regexp.Regexp{
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": regexp.MustCompile(`-storage-id$`),                                                              // Storage Blob Data Owner
	"3913510d-42f4-4e42-8a64-420c390055eb": regexp.MustCompile(`-insights-id$`),                                                             // Monitoring Metrics Publisher
	"4633458b-17de-408a-b874-0445c86b69e6": regexp.MustCompile(`^/subscriptions/[^/]+/resourceGroups/[^/]+/.+/vaults/[^/]+/secrets/[^/]+$`), // Key Vault Secrets User
}

// Every role assignment, with a secret.
func TestAzureRoles(t *testing.T) {
	config := operated(dials("azure/eastus", "azure/westeurope"))
	config["polygate:secrets"] = `{"ONE":{"azure":"/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/g/providers/Microsoft.KeyVault/vaults/our-vault/secrets/one"}}`
	rec, _ := up(t, "staging", config)
	given := map[string]int{}
	for _, r := range rec.Of("azure-native:authorization:RoleAssignment") {
		id, scope := r.Inputs["roleDefinitionId"].(string), r.Inputs["scope"].(string)
		role := id[strings.LastIndex(id, "/")+1:]
		given[role]++
		if form := azureRoles[role]; form == nil || !form.MatchString(scope) {
			t.Errorf("%s gives the role %s on %s", r.Name, role, scope)
		}
	}
	for role := range azureRoles {
		if given[role] != 2 {
			t.Errorf("the role %s is given %d times, want once in each region", role, given[role])
		}
	}
}

// withSecrets adds a secret of each kind, on AWS.
func withSecrets(config map[string]string) map[string]string {
	config["polygate:secrets"] = `{"ONE":{"aws":"arn:aws:secretsmanager:{region}:123456789012:secret:one-a1B2c3"},` +
		`"TWO":{"aws":"arn:aws:ssm:{region}:123456789012:parameter/polygate/two"}}`
	return config
}

// What the reader of policies must see.
func TestOverreachIsSeen(t *testing.T) {
	policy := func(s string) map[string]any {
		return map[string]any{"policy": `{"Version":"2012-10-17","Statement":[` + s + `]}`}
	}
	const arn = `"arn:aws:ssm:us-east-1:123456789012:parameter/x"`
	for name, c := range map[string]struct {
		inputs map[string]any
		want   string // part of the one problem; "" for none
	}{
		"as it should be":        {policy(`{"Effect":"Allow","Action":["ssm:GetParameter"],"Resource":[` + arn + `]}`), ""},
		"one instead of a list":  {policy(`{"Effect":"Allow","Action":"ssm:PutParameter","Resource":` + arn + `}`), "the action ssm:PutParameter"},
		"every action":           {policy(`{"Effect":"Allow","Action":["*"],"Resource":[` + arn + `]}`), "the action *"},
		"an action of all":       {policy(`{"Effect":"Allow","Action":["ssm:Get*"],"Resource":[` + arn + `]}`), "the action ssm:Get*"},
		"every resource":         {policy(`{"Effect":"Allow","Action":["ssm:GetParameter"],"Resource":"*"}`), "undocumented wildcard: x.policy.Resource *"},
		"everyone":               {policy(`{"Effect":"Allow","Action":["sns:Publish"],"Principal":"*","Resource":[` + arn + `]}`), "undocumented wildcard: x.policy.Principal"},
		"all but":                {policy(`{"Effect":"Allow","NotAction":["iam:PassRole"],"Resource":[` + arn + `]}`), "what it does not name"},
		"what is denied":         {policy(`{"Effect":"Deny","Action":"s3:*","Principal":"*","Resource":"arn:aws:s3:::x/*"}`), ""},
		"all but what is denied": {policy(`{"Effect":"Deny","NotAction":["s3:GetObject"],"Resource":[` + arn + `]}`), "what it does not name"},
		"deep inside":            {map[string]any{"inlinePolicies": []any{policy(`{"Effect":"Allow","Action":["s3:GetObject"],"Resource":[` + arn + `]}`)}}, "the action s3:GetObject"},
		"pattern outside policy": {map[string]any{"sourceArn": "arn:aws:execute-api:*"}, "undocumented wildcard: x.sourceArn"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, _ := overreach([]record.Resource{{Type: "test", Name: "x", Inputs: c.inputs}})
			if c.want == "" && len(problems) == 0 {
				return
			}
			if len(problems) != 1 || c.want == "" || !strings.Contains(problems[0], c.want) {
				t.Errorf("problems %q, want one with %q", problems, c.want)
			}
		})
	}
}
