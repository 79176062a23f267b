package aws_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// pair deploys two regions and a failover pair over them.
func pair(b *bed) (*region, *region) {
	b.t.Helper()
	east, west := b.deploy("us-east-1", "use1"), b.deploy("eu-west-1", "euw1")
	b.must(tRecord, b.failoverInputs("failover-2."+shared, "PRIMARY", west.own).With(resource.Props{"healthCheckId": west.id("check")}))
	b.must(tRecord, b.failoverInputs(shared, "PRIMARY", east.own).With(resource.Props{"healthCheckId": east.id("check")}))
	b.must(tRecord, b.aliasInputs(shared, "SECONDARY", "failover-2."+shared))
	b.must(tBudget, budgetInputs("polygate-month"))
	return east, west
}

func (b *bed) project() plane.World {
	b.t.Helper()
	w, err := aws.Project(resource.NewEnv(b.store, aws.Cloud(), b.services))
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// TestProject keeps the projection of a two-region stack. Generated identifiers, keys and paths are numbered in order of
// appearance, so that the golden shows which of them are the same.
func TestProject(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	pair(b)
	w := b.project()
	for i := range w.Sites {
		for j := range w.Sites[i].Hosts {
			h := &w.Sites[i].Hosts[j]
			if !bytes.Contains(h.Cert, []byte("CERTIFICATE")) || !bytes.Contains(h.Key, []byte("PRIVATE KEY")) {
				t.Errorf("host %s has no certificate and key", h.Name)
			}
			h.Cert, h.Key = nil, nil
		}
	}
	got, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(bytes.ReplaceAll(got, []byte(b.dir), []byte("DIR")), '\n')
	goldentest.Compare(t, "testdata/world.json", number(got))
}

// generated matches what is derived from time: ids of APIs, domain names, health checks.
var generated = regexp.MustCompile(`[0-9a-v]{8}-[0-9a-v]{4}-[0-9a-v]{4}-[0-9a-v]{4}-[0-9a-v]{12}|/apis/[0-9a-v]{10}|d-[0-9a-v]{10}|[0-9a-f]{64}`)

func number(b []byte) []byte {
	seen := map[string]int{}
	return generated.ReplaceAllFunc(b, func(m []byte) []byte {
		if _, ok := seen[string(m)]; !ok {
			seen[string(m)] = len(seen) + 1
		}
		return []byte("generated-" + string(rune('A'+seen[string(m)]-1)))
	})
}

// TestProjectWiring breaks one link at a time between a name and the function.
func TestProjectWiring(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		remove      []string // short names, in order
		hosts       int
		function    bool
		invokeError bool
	}{
		{"whole", nil, 2, true, false},
		{"no permission", []string{"permission"}, 2, true, true},
		{"no alias", []string{"alias"}, 2, false, true},
		{"no mapping", []string{"mapping-own"}, 1, true, false},
		{"no route", []string{"route"}, 2, false, false},
		{"no stage", []string{"mapping-own", "mapping-shared", "stage"}, 0, false, false},
		{"no function", []string{"function"}, 2, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			r := b.deploy("us-east-1", "use1")
			for _, short := range tc.remove {
				m := r.made[short]
				if err := b.delete(m.token, m.id, m.out); err != nil {
					t.Fatal(err)
				}
			}
			s := b.project().Sites[0]
			if len(s.Hosts) != tc.hosts || (s.Function != "") != tc.function || s.InvokeError != tc.invokeError {
				t.Errorf("site has %d hosts, function %q, invoke error %t", len(s.Hosts), s.Function, s.InvokeError)
			}
		})
	}
}

// TestProjectLimits: what a program says of timeouts and concurrency reaches the data plane.
func TestProjectLimits(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	for _, tc := range []struct {
		short, property string
		value           float64
		got             func(plane.World) any
		before, after   any
	}{
		{"integration", "timeoutMilliseconds", 5000, func(w plane.World) any { return w.Sites[0].Timeout }, 30 * time.Second, 5 * time.Second},
		{"function", "reservedConcurrentExecutions", 7, func(w plane.World) any { return w.Functions[1].Instances }, 40, 7},
		{"warm", "provisionedConcurrentExecutions", 3, func(w plane.World) any { return w.Functions[1].Warm }, 2, 3},
		{"function", "reservedConcurrentExecutions", 900, func(w plane.World) any { return w.Functions[1].Instances }, 7, 40},
		{"warm", "provisionedConcurrentExecutions", 50, func(w plane.World) any { return w.Functions[1].Instances }, 40, 50},
	} {
		if got := tc.got(b.project()); got != tc.before {
			t.Errorf("%s before: %v, want %v", tc.property, got, tc.before)
		}
		m := r.made[tc.short]
		rec, ok := b.store.View().Get(m.token, m.id)
		if !ok {
			t.Fatalf("no %s", tc.short)
		}
		if _, err := b.c.Update(t.Context(), m.token, m.id, m.out, rec.Inputs.With(resource.Props{tc.property: tc.value}), nil, false); err != nil {
			t.Fatal(err)
		}
		if got := tc.got(b.project()); got != tc.after {
			t.Errorf("%s %v: %v, want %v", tc.property, tc.value, got, tc.after)
		}
	}
}

// TestPermissionSource: a permission for another API, or another account, lets nobody in.
func TestPermissionSource(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"/*/$default":        true,
		"/*":                 true,
		"/$default/$default": true,
		"/v2/$default":       false,
		"x/*":                false,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			r := b.deploy("us-east-1", "use1")
			m := r.made["permission"]
			if err := b.delete(m.token, m.id, m.out); err != nil {
				t.Fatal(err)
			}
			b.must(tPermission, resource.Props{"statementId": "other", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com",
				"function": r.out("function").Str("arn"), "qualifier": "live", "sourceArn": r.out("api").Str("executionArn") + source})
			if s := b.project().Sites[0]; s.InvokeError == want {
				t.Errorf("source %q: invoke error %t, want %t", source, s.InvokeError, !want)
			}
		})
	}
}
