package aws_test

import (
	"testing"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// change updates some inputs of a resource and returns its outputs.
func (b *bed) change(m made, p resource.Props) (resource.Props, error) {
	b.t.Helper()
	rec, ok := b.store.View().GetIn(m.token, scopeOf(m), m.id)
	if !ok {
		b.t.Fatalf("there is no %s %s", m.token, m.id)
	}
	return b.c.Update(b.t.Context(), m.token, m.id, m.out, rec.Inputs.With(p), nil, false)
}

func scopeOf(m made) string {
	if m.token == tAlias {
		return ""
	}
	return m.out.Str("region")
}

// TestPublish: a version for each change of what runs, and none for anything else. Source: Lambda API reference, PublishVersion.
func TestPublish(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	fn := b.deploy("us-east-1", "use1").made["function"]
	for _, tc := range []struct {
		name string
		in   resource.Props
		want string
	}{
		{"nothing", nil, "1"},
		{"memory", resource.Props{"memorySize": 512.0}, "2"},
		{"environment", resource.Props{"environment": resource.Props{"variables": resource.Props{"A1": "b"}}}, "3"},
		{"reserved concurrency", resource.Props{"reservedConcurrentExecutions": 50.0}, "3"},
		{"tags", resource.Props{"tags": resource.Props{"a": "b"}}, "3"},
		{"code", resource.Props{"code": b.code(b.zipOf("bootstrap", "more"))}, "4"},
		{"back to the memory before", resource.Props{"memorySize": 256.0}, "5"},
	} {
		out, err := b.change(fn, tc.in)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got := out.Str("version"); got != tc.want || out.Str("qualifiedArn") != fn.out.Str("arn")+":"+tc.want {
			t.Errorf("%s: version %s of %s, want %s", tc.name, got, out.Str("qualifiedArn"), tc.want)
		}
	}
}

// TestAliasMoves: new code is run by nobody until the alias moves to it, and the version before stays to go back to, after a
// restart as well.
func TestAliasMoves(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	serving := func() plane.Function {
		t.Helper()
		w := b.project()
		for _, f := range w.Functions {
			if f.ID == w.Sites[0].Function {
				return f
			}
		}
		t.Fatalf("the site leads to %q, which is no function", w.Sites[0].Function)
		return plane.Function{}
	}
	first := serving()
	if first.Version != "1" || first.Memory != 256 || first.Warm != 2 || first.ID != r.out("function").Str("arn")+":live" {
		t.Fatalf("serving is %+v", first)
	}
	if _, err := b.change(r.made["function"], resource.Props{"code": b.code(b.zipOf("bootstrap", "more")), "memorySize": 512.0}); err != nil {
		t.Fatal(err)
	}
	if f := serving(); f.Digest != first.Digest || f.Memory != 256 {
		t.Errorf("an unmoved alias runs %+v", f)
	}
	b.open()
	if _, err := b.change(r.made["alias"], resource.Props{"functionVersion": "2"}); err != nil {
		t.Fatal(err)
	}
	if f := serving(); f.Digest == first.Digest || f.Memory != 512 || f.Version != "2" || f.ID != first.ID {
		t.Errorf("the moved alias runs %+v", f)
	}
	if _, err := b.change(r.made["alias"], resource.Props{"functionVersion": "1"}); err != nil {
		t.Fatal(err)
	}
	if f := serving(); f.Digest != first.Digest || f.Memory != 256 {
		t.Errorf("the alias moved back runs %+v", f)
	}
}

// TestPoliciesOfQualifiersAreApart: what may invoke the function may not invoke its alias, nor the other way round. Source:
// Lambda developer guide, "Using resource-based policies".
func TestPoliciesOfQualifiersAreApart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	b.must(tPermission, resource.Props{"statementId": "api-gateway", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1"})
	m := r.made["permission"]
	if err := b.delete(m.token, m.id, m.out); err != nil {
		t.Fatal(err)
	}
	if s := b.project().Sites[0]; !s.InvokeError {
		t.Error("the alias may be invoked by the function's policy")
	}
	if _, err := b.change(r.made["integration"], resource.Props{"integrationUri": r.out("function").Str("invokeArn")}); err != nil {
		t.Fatal(err)
	}
	if s := b.project().Sites[0]; s.InvokeError || s.Function != r.out("function").Str("arn") {
		t.Errorf("the function may not be invoked by its own policy: %+v", s)
	}
}

// TestReservedBelowWarm: a function keeps what it has provisioned. Source: Lambda developer guide, "Configuring provisioned
// concurrency for a function".
func TestReservedBelowWarm(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	for reserved, code := range map[float64]string{1: "InvalidParameterValueException", 0: "InvalidParameterValueException", 2: "", -1: ""} {
		if _, err := b.change(r.made["function"], resource.Props{"reservedConcurrentExecutions": reserved}); resource.Code(err) != code {
			t.Errorf("%v reserved with two provisioned: %v, want %q", reserved, err, code)
		}
	}
	m := r.made["warm"]
	if err := b.delete(m.token, m.id, m.out); err != nil {
		t.Fatal(err)
	}
	if _, err := b.change(r.made["function"], resource.Props{"reservedConcurrentExecutions": 0.0}); err != nil {
		t.Errorf("nothing provisioned: %v", err)
	}
	if f := b.project().Functions[1]; f.Instances != -1 || f.Warm != 0 {
		t.Errorf("with zero reserved %+v serves: want everything throttled", f)
	}
}

// TestAliasTakesItsOwnAlong: the policy and the warm instances of an alias go with it, the function's stay.
func TestAliasTakesItsOwnAlong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	b.must(tPermission, resource.Props{"statementId": "own", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1"})
	m := r.made["alias"]
	if err := b.delete(m.token, m.id, m.out); err != nil {
		t.Fatal(err)
	}
	v := b.store.View()
	if n := len(v.List(tWarm)); n != 0 {
		t.Errorf("%d provisioned concurrency configurations are left", n)
	}
	if ps := v.List(tPermission); len(ps) != 1 || ps[0].ID != "own" {
		t.Errorf("permissions left: %v", ps)
	}
}

// TestTopicTakesItsOwnAlong: "Deletes a topic and all its subscriptions." (SNS API reference, DeleteTopic)
func TestTopicTakesItsOwnAlong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r, _ := b.deploy("us-east-1", "use1"), b.deploy("eu-west-1", "euw1")
	m := r.made["topic"]
	if err := b.delete(m.token, m.id, m.out); err != nil {
		t.Fatal(err)
	}
	if s, p := len(b.store.View().List(tSubscribe)), len(b.store.View().List(tTopicPolicy)); s != 1 || p != 1 {
		t.Errorf("%d subscriptions and %d policies are left, want the other region's", s, p)
	}
}
