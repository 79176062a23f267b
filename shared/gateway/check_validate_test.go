package gateway

import "testing"

// A route takes an operation if some request may be for both.
func TestTakes(t *testing.T) {
	for _, c := range []struct {
		route, operation string
		want             bool
	}{
		{"/a/b", "/a/b", true}, {"/a/{x}", "/a/b", true}, {"/a/b", "/a/{x}", true}, {"/a/b", "/a/c", false}, {"/a", "/a/b", false}, {"/a/{x}", "/a/", false}, {"/a/", "/a/{x}", false},
		{"/a/{x...}", "/a/b/c", true}, {"/a/{x...}", "/a", true}, {"/{x...}", "/a/b", true}, {"/a/{x...}", "/b/{x...}", false},
		{"/a/{x...}", "/a/{y...}", true}, {"/a/b", "/a/{y...}", true}, {"/a/b/c", "/a/{y...}", true}, {"/a/{x}/c", "/a/{y...}", true}, {"/a/b/", "/a/{y...}", true},
		{"/a", "/a/{y...}", false}, {"/a/", "/a/{y...}", false}, {"/b/c", "/a/{y...}", false}, {"/{x}/c", "/a/{y...}", true},
	} {
		taker, ok := NewTaker(Match{Path: c.route})
		path, err := ParsePattern(c.operation)
		if !ok || err != nil {
			t.Fatal(c, err)
		}
		if got := taker.Takes("GET", path); got != c.want {
			t.Errorf("%s takes %s: %v, want %v", c.route, c.operation, got, c.want)
		}
	}
}
