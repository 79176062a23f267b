package resource_test

import (
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// TestOrphan: what a killed run made is given to the next one that has it made, once, with that one's inputs; what the state knows is
// nobody's, and neither is what would have to be replaced.
func TestOrphan(t *testing.T) {
	t.Parallel()
	const urn = "urn:pulumi:local::polygate::toy:index:Box::"
	in := func(name string, size float64) resource.Props {
		return resource.Props{"name": name, "size": size, "region": "north"}
	}
	for _, c := range []struct {
		name     string
		recorded []resource.Known
		urn      string
		again    resource.Props
		orphans  int
		gone     int
		refused  bool // as what exists already
	}{
		{"not recorded", nil, urn + "a", in("a", 2), 1, 0, false},
		{"another id is recorded", []resource.Known{{URN: urn + "a", Type: tBox, ID: "before"}}, urn + "a", in("a", 2), 1, 1, false},
		{"recorded", []resource.Known{{URN: urn + "a", Type: tBox, ID: "a"}}, urn + "a", in("a", 2), 0, 0, true},
		{"another URN", nil, urn + "b", in("a", 2), 1, 0, true},
		{"nobody's", nil, "", in("a", 2), 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, resource.Services{})
			id, _, err := d.c.Create(t.Context(), tBox, urn+"a", in("a", 1), nil, false)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // told twice, it is the same
				if n, gone, err := d.store.Disown(t.Context(), c.recorded); n != c.orphans || gone != c.gone || err != nil {
					t.Fatalf("%d disowned and %d gone, %v; want %d and %d", n, gone, err, c.orphans, c.gone)
				}
			}
			if n := len(d.store.View().Orphans()); n != c.orphans {
				t.Errorf("%d orphans, want %d", n, c.orphans)
			}
			got, out, err := d.c.Create(t.Context(), tBox, c.urn, c.again, nil, false)
			if (err != nil) != c.refused {
				t.Fatalf("made once more: %v, want it refused: %t", err, c.refused)
			}
			if c.refused {
				return
			}
			if got != id || out["size"] != 2.0 || len(d.store.View().List(tBox)) != 1 {
				t.Errorf("given %s with size %v of %d, want %s with size 2 alone", got, out["size"], len(d.store.View().List(tBox)), id)
			}
			if n := len(d.store.View().Orphans()); n != 0 {
				t.Errorf("%d orphans are left", n)
			}
			if _, _, err := d.c.Create(t.Context(), tBox, c.urn, c.again, nil, false); err == nil {
				t.Error("it was given away twice")
			}
		})
	}
}

// What would have to be replaced stays where it is, and an automatic name is the one that the killed run made.
func TestOrphanOfAnotherKind(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	const urn = "urn:pulumi:local::polygate::toy:index:Box::a"
	check := func(seed string, in resource.Props) resource.Props {
		t.Helper()
		out, failures, err := d.c.Check(t.Context(), resource.Checking{Token: tBox, URN: urn, Name: "MyBox", New: in, Config: resource.Props{"region": "north"}, Seed: []byte(seed)})
		if err != nil || len(failures) > 0 {
			t.Fatal(err, failures)
		}
		return out
	}
	made := check("one", resource.Props{"size": 1.0})
	id, _, err := d.c.Create(t.Context(), tBox, urn, made, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.store.Disown(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	again := check("two", resource.Props{"size": 1.0})
	if again.Str("name") != made.Str("name") {
		t.Errorf("the automatic name is %q, and %q of what is there", again.Str("name"), made.Str("name"))
	}
	elsewhere := again.With(resource.Props{"region": "south"})
	other, _, err := d.c.Create(t.Context(), tBox, urn, elsewhere, nil, false)
	if err != nil || len(d.store.View().List(tBox)) != 2 {
		t.Errorf("in another region: %v, %d boxes; want another one", err, len(d.store.View().List(tBox)))
	}
	if got, _, err := d.c.Create(t.Context(), tBox, urn, again, nil, false); got != id || err != nil {
		t.Errorf("given %s, %v; want %s and not %s", got, err, id, other)
	}
}
