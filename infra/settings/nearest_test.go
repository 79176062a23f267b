package settings

import "testing"

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"manger": ` (did you mean "manager"?)`, "TTL": ` (did you mean "ttl"?)`, "regoins": ` (did you mean "regions"?)`, "zone": ` (did you mean "zone"?)`,
		"colour": "", "": "", "t": ` (did you mean "ttl"?)`,
	} {
		if got := Nearest(name, []string{"manager", "ttl", "regions", "zone"}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"same", "same", 0}, {"us-esat-1", "us-east-1", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
