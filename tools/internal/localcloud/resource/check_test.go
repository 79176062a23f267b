package resource_test

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// TestCheck breaks one rule of a property at a time.
func TestCheck(t *testing.T) {
	t.Parallel()
	unknown := resource.Unknown{}
	for _, tc := range []struct {
		name     string
		token    string
		in       resource.Props
		property string // "" when the inputs are fine
		words    string
	}{
		{"nothing given", tBox, resource.Props{}, "", ""},
		{"null is absent", tBox, resource.Props{"colour": nil, "lid": nil}, "", ""},
		{"unknown key", tBox, resource.Props{"sise": 1.0}, "sise", `Invalid or unknown key "sise"`},
		{"unmodelled key", tBox, resource.Props{"lid": true}, "lid", `the local clouds do not model "lid"`},
		{"internal key", tBox, resource.Props{"__defaults": []any{}}, "", ""},
		{"required", tThing, resource.Props{}, "box", `the argument "box" is required`},
		{"required, unknown yet", tThing, resource.Props{"box": unknown}, "", ""},
		{"wrong kind", tBox, resource.Props{"size": "ten"}, "size", `want a whole number, got "ten"`},
		{"fraction", tBox, resource.Props{"size": 1.5}, "size", "want a whole number, got 1.5"},
		{"range low", tBox, resource.Props{"size": 0.0}, "size", "expected size to be in the range (1 - 100), got 0"},
		{"range high", tBox, resource.Props{"size": 101.0}, "size", "expected size to be in the range (1 - 100), got 101"},
		{"range edge", tBox, resource.Props{"size": 100.0}, "", ""},
		{"enumeration", tBox, resource.Props{"colour": "green"}, "colour", `expected colour to be one of ["red", "blue"], got "green"`},
		{"enumeration, unknown yet", tBox, resource.Props{"colour": unknown}, "", ""},
		{"pattern", tBox, resource.Props{"name": "A B"}, "name", "must match"},
		{"length", tBox, resource.Props{"name": strings.Repeat("a", 21)}, "name", "expected length of name to be at most (20), got 21"},
		{"map element", tBox, resource.Props{"labels": resource.Props{"a": 1.0}}, "labels.a", "want a string, got 1"},
		{"list element", tBox, resource.Props{"tags": resource.List[any]("a", true)}, "tags[1]", "want a string, got true"},
		{"object field missing", tBox, resource.Props{"lock": resource.Props{}}, "lock.kind", `the argument "lock.kind" is required`},
		{"object field unknown", tBox, resource.Props{"lock": resource.Props{"kind": "k", "x": 1.0}}, "lock.x", "Invalid or unknown key"},
		{"object field unmodelled", tBox, resource.Props{"lock": resource.Props{"kind": "k", "alarm": 1.0}}, "lock.alarm", `do not model "lock.alarm"`},
		{"archive for an asset", tThing, resource.Props{"box": "b", "content": resource.Blob{Archive: true}}, "content", "want an asset, got an archive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, resource.Services{})
			_, failures, err := d.c.Check(t.Context(), resource.Checking{Token: tc.token, Name: "n", New: tc.in})
			if err != nil {
				t.Fatal(err)
			}
			if tc.property == "" {
				if len(failures) > 0 {
					t.Errorf("refused: %v", failures)
				}
				return
			}
			if len(failures) != 1 || failures[0].Property != tc.property || !strings.Contains(failures[0].Reason, tc.words) {
				t.Errorf("got %v, want %s: ...%s...", failures, tc.property, tc.words)
			}
		})
	}
}

// TestCheckReportsAll: every problem at once.
func TestCheckReportsAll(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	_, failures, err := d.c.Check(t.Context(), resource.Checking{Token: tBox, Name: "n", New: resource.Props{"size": 0.0, "colour": "green", "x": 1.0}})
	if err != nil || len(failures) != 3 {
		t.Errorf("%v %v, want three failures", failures, err)
	}
}

// TestCheckFills: defaults, provider configuration and names.
func TestCheckFills(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	check := func(old, in resource.Props) resource.Props {
		t.Helper()
		out, failures, err := d.c.Check(t.Context(), resource.Checking{
			Token: tBox, Name: "MyBox", Old: old, New: in, Config: resource.Props{"region": "north"}, Seed: []byte("seed"),
		})
		if err != nil || len(failures) > 0 {
			t.Fatal(failures, err)
		}
		return out
	}
	first := check(nil, resource.Props{"lock": resource.Props{"kind": "k"}})
	if first.Str("region") != "north" || first.Int("size") != 10 || first.Object("lock")["strength"] != 1.5 {
		t.Errorf("filled in: %v", first)
	}
	name := first.Str("name")
	if !strings.HasPrefix(name, "mybox-") || len(name) != len("mybox-")+7 {
		t.Errorf("automatic name %q", name)
	}
	if again := check(nil, resource.Props{}); again.Str("name") != name {
		t.Errorf("the same seed gave %q and %q", name, again.Str("name"))
	}
	if kept := check(resource.Props{"name": "kept"}, resource.Props{}); kept.Str("name") != "kept" {
		t.Errorf("an existing resource was renamed to %q", kept.Str("name"))
	}
	if given := check(nil, resource.Props{"name": "given", "region": "south"}); given.Str("name") != "given" || given.Str("region") != "south" {
		t.Errorf("given values were lost: %v", given)
	}
}

// TestDiff: what counts as a change, and what it costs.
func TestDiff(t *testing.T) {
	t.Parallel()
	base := resource.Props{"name": "a", "region": "north", "size": 10.0, "tags": resource.List("x", "y"), "lock": resource.Props{"kind": "k"}}
	for _, tc := range []struct {
		name        string
		change      resource.Props
		changed     string // comma-separated
		replaces    string
		deleteFirst bool
	}{
		{"nothing", nil, "", "", false},
		{"update", resource.Props{"size": 20.0}, "size", "", false},
		{"added and removed", resource.Props{"colour": "red", "size": nil}, "colour,size", "", false},
		{"other name", resource.Props{"name": "b"}, "name", "name", false},
		{"other name, unknown yet", resource.Props{"name": resource.Unknown{}}, "name", "name", false},
		{"immutable inside, name kept", resource.Props{"lock": resource.Props{"kind": "j"}}, "lock", "lock", true},
		{"mutable inside", resource.Props{"lock": resource.Props{"kind": "k", "strength": 2.0}}, "lock", "", false},
		{"set in another order", resource.Props{"tags": resource.List("y", "x")}, "", "", false},
		{"set with another member", resource.Props{"tags": resource.List("y", "z")}, "tags", "", false},
		{"empty is absent", resource.Props{"labels": resource.Props{}, "colour": ""}, "", "", false},
		{"ignored", resource.Props{"hint": "other"}, "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, err := newDesk(t, resource.Services{}).c.Diff(tBox, base, base.With(tc.change))
			if err != nil {
				t.Fatal(err)
			}
			var changed []string
			for _, c := range d.Changes {
				changed = append(changed, c.Property)
			}
			if got := strings.Join(changed, ","); got != tc.changed {
				t.Errorf("changed %q, want %q", got, tc.changed)
			}
			if got := strings.Join(d.Replaces(), ","); got != tc.replaces || d.DeleteBeforeReplace != tc.deleteFirst {
				t.Errorf("replaces %q (delete first %t), want %q (%t)", got, d.DeleteBeforeReplace, tc.replaces, tc.deleteFirst)
			}
		})
	}
}

// TestDiffBlobs: assets are compared by content.
func TestDiffBlobs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	a, same, other := d.asset("a", "one"), d.asset("b", "one"), d.asset("c", "two")
	for name, tc := range map[string]struct {
		blob resource.Blob
		want int
	}{"same content elsewhere": {same, 0}, "other content": {other, 1}} {
		t.Run(name, func(t *testing.T) {
			got, err := d.c.Diff(tThing, resource.Props{"content": a}, resource.Props{"content": tc.blob})
			if err != nil || len(got.Changes) != tc.want {
				t.Errorf("%v %v, want %d changes", got.Changes, err, tc.want)
			}
		})
	}
}
