package resource

import (
	"maps"
	"slices"
	"testing"
)

func TestMatching(t *testing.T) {
	v := View{tablesOf([]Record{
		{Type: "bucket", ID: "a", Inputs: Props{"name": "a", "size": 1.0, "source": Blob{Source: map[string]any{sig: "x"}}}},
		{Type: "bucket", ID: "b", Inputs: Props{"name": "b", "tags": Props{"k": "v"}, "secret": "hidden"}},
		{Type: "queue", ID: "a", Inputs: Props{"name": "a"}},
		{Type: "bucket", ID: "c", Scope: "east", Inputs: Props{"name": "c"}},
		{Type: "bucket", ID: "c", Scope: "west", Inputs: Props{"name": "c"}},
	})}
	for _, c := range []struct {
		name   string
		inputs map[string]any
		want   []string
	}{
		{"equal, the asset left out", map[string]any{"name": "a", "size": 1.0, "source": map[string]any{sig: "y"}}, []string{"a"}},
		{"another value", map[string]any{"name": "a", "size": 2.0}, []string{}},
		{"one it does not have", map[string]any{"name": "a", "size": 1.0, "colour": "red"}, []string{}},
		{"nested, the secret left out", map[string]any{"name": "b", "tags": map[string]any{"k": "v"}, "secret": map[string]any{sig: "s"}}, []string{"b"}},
		{"one id in two places", map[string]any{"name": "c"}, []string{"c", "c"}},
		{"nil is as good as absent", map[string]any{"name": "b", "colour": nil}, []string{"b"}},
	} {
		if got := slices.Sorted(maps.Values(v.Matching("bucket", c.inputs))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
