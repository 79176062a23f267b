package infra

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/permission"
)

// What the deployer may grant by FIRST-DEPLOY.md is what stacks grant: less, and a deployment fails; more, and it is nobody's need.
func TestDeployerGrantsWhatIsGranted(t *testing.T) {
	google, azure := map[string]bool{}, map[string]bool{}
	for _, config := range everyStack(t) {
		rec, _ := up(t, "staging", config)
		for _, r := range rec.All() {
			switch {
			case strings.HasPrefix(r.Type, "gcp:projects/iAM"): // by whatever type, a whole policy among them
				google[fmt.Sprint(r.Inputs["role"])] = true
			case r.Type == "azure-native:authorization:RoleAssignment":
				id := fmt.Sprint(r.Inputs["roleDefinitionId"])
				azure[id[strings.LastIndex(id, "/")+1:]] = true
			}
		}
	}
	for _, c := range []struct {
		cloud    string
		declared map[string]bool
		may      []string
	}{{"Google", google, permission.Granted()}, {"Azure", azure, permission.Assigned()}} {
		if declared := slices.Sorted(maps.Keys(c.declared)); !slices.Equal(declared, c.may) {
			t.Errorf("%s: stacks grant %v, and infra/permission lets the deployer grant %v", c.cloud, declared, c.may)
		}
	}
}

// boundaryOf is the dial with its boundary.
const boundaryOf = "arn:aws:iam::123456789012:policy/polygate-boundary"

// Every role has the boundary of the stack file, and none without the dial.
func TestEveryRoleHasTheBoundary(t *testing.T) {
	for _, want := range []string{"", boundaryOf} {
		config := everyDial("route53", "", six...)
		if want != "" {
			config["polygate:permissionsBoundary"] = want
		}
		rec, _ := up(t, "staging", config)
		all := rec.Of("aws:iam/role:Role")
		if len(all) == 0 {
			t.Fatal("no role is declared")
		}
		for _, r := range all {
			if got, _ := r.Inputs["permissionsBoundary"].(string); got != want {
				t.Errorf("%s has the boundary %q, want %q", r.Name, got, want)
			}
		}
		for _, r := range rec.All() { // other ways to a role
			if strings.HasPrefix(r.Type, "aws:iam/") && r.Type != "aws:iam/role:Role" && r.Type != "aws:iam/rolePolicy:RolePolicy" {
				t.Errorf("%s is a %s, which no boundary is known to hold", r.Name, r.Type)
			}
		}
	}
}

// byKeys is what only the policy of a secret's key allows: see infra/permission.
const byKeys = "kms:Decrypt"

// The boundary lets the policies of roles do all that they say, and has no action that none of them says.
func TestBoundaryHoldsWhatRolesDo(t *testing.T) {
	text, err := permission.Boundary()
	if err != nil {
		t.Fatal(err)
	}
	boundary, _ := statementsOf(text)
	rec, _ := up(t, "staging", everyDial("route53", "", six...))
	logs := map[string]string{} // what the recorder gives out for an ARN, and what it is on AWS
	for _, r := range rec.Of("aws:cloudwatch/logGroup:LogGroup") {
		logs["arn:test:"+r.Name+":"] = fmt.Sprintf("arn:aws:logs:%s:123456789012:log-group:%s:", r.Inputs["region"], r.Inputs["name"])
	}
	used := map[string]bool{}
	for _, r := range rec.Of("aws:iam/rolePolicy:RolePolicy") {
		policy, ok := statementsOf(fmt.Sprint(r.Inputs["policy"]))
		if !ok {
			t.Fatalf("%s has no policy: %v", r.Name, r.Inputs)
		}
		for _, s := range policy {
			for _, action := range s.Action {
				used[action] = true
				for _, on := range s.Resource {
					for test, arn := range logs {
						on = strings.Replace(on, test, arn, 1)
					}
					if !slices.ContainsFunc(boundary, func(b statement) bool {
						return b.Condition == nil && slices.Contains(b.Action, action) && slices.ContainsFunc(b.Resource, func(form string) bool { return matches(form, on) })
					}) {
						t.Errorf("%s: %s on %s is beyond the boundary", r.Name, action, on)
					}
				}
			}
		}
	}
	for _, b := range boundary {
		for _, action := range b.Action {
			if !used[action] && action != byKeys {
				t.Errorf("the boundary has %s, which no role's policy says", action)
			}
		}
	}
}

// matches reports whether a policy's resource, with its wildcards, is or holds another.
func matches(form, arn string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(form), `\*`, ".*") + "$").MatchString(arn)
}
