package permission

import (
	"encoding/json"
	"slices"
	"testing"
)

// Whoever runs drills is allowed nothing that the deployer is not, in the spelling of each cloud.
func TestLever(t *testing.T) {
	for _, cloud := range []string{AWS, Google, Azure} {
		n, ok := Lever(cloud)
		if !ok {
			t.Fatalf("%s has no levers", cloud)
		}
		all := union(table(cloud), func(n Need) []string { return slices.Concat(n.Actions, n.Roles) })
		for _, what := range slices.Concat(n.Actions, n.Roles) {
			if !forms[cloud].MatchString(what) || !slices.Contains(all, what) {
				t.Errorf("%s: %q is no permission of the deployer's", cloud, what)
			}
		}
	}
	if _, ok := Lever(Cloudflare); ok {
		t.Error("there are no functions at Cloudflare")
	}
}

// The policy removes versions and no function: what it deletes has a qualifier in its ARN.
func TestLeverPolicy(t *testing.T) {
	text, err := LeverPolicy()
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	deletes := 0
	for _, s := range doc.Statement {
		if !slices.Contains(s.Action, "lambda:DeleteFunction") {
			continue
		}
		deletes++
		if len(s.Action) != 1 || !slices.Equal(s.Resource, []string{"arn:aws:lambda:*:*:function:polygate-*:*"}) {
			t.Errorf("%v on %v", s.Action, s.Resource)
		}
	}
	if deletes != 1 {
		t.Errorf("%d statements delete, want one:\n%s", deletes, text)
	}
}
