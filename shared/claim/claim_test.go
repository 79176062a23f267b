package claim

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestLookup(t *testing.T) {
	claims := map[string]any{"org": map[string]any{"id": "acme", "tags": []any{"a", json.Number("1.50"), true, nil, map[string]any{}}}}
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"org", "id"}, "[acme] true"}, {[]string{"org", "tags"}, "[a 1.50 true] true"}, {[]string{"org"}, "[] true"},
		{[]string{"org", "none"}, "[] false"}, {[]string{"org", "id", "deeper"}, "[] false"}, {[]string{"none"}, "[] false"},
	} {
		v, ok := Lookup(claims, c.path)
		if got := fmt.Sprint(Texts(v), ok); got != c.want {
			t.Errorf("%v: %s, want %s", c.path, got, c.want)
		}
	}
}
