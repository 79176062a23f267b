package gcp

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Only an update that reads another secret waits for the grant on it: a release must not.
func TestMoreSecrets(t *testing.T) {
	with := func(secrets ...string) resource.PropertyMap {
		list := []any{}
		for _, s := range secrets {
			list = append(list, map[string]any{"key": "K", "projectId": "p", "secret": s, "version": "latest"})
		}
		return resource.NewPropertyMapFromMap(map[string]any{"serviceConfig": map[string]any{"secretEnvironmentVariables": list}})
	}
	none := resource.NewPropertyMapFromMap(map[string]any{"serviceConfig": map[string]any{"availableCpu": "1"}})
	for name, c := range map[string]struct {
		before, after resource.PropertyMap
		want          bool
	}{
		"the first":   {none, with("a"), true},
		"one more":    {with("a"), with("b", "a"), true},
		"the same":    {with("a", "b"), with("b", "a"), false},
		"one less":    {with("a", "b"), with("b"), false},
		"none at all": {none, none, false},
		"nothing":     {nil, nil, false},
	} {
		if got := moreSecrets(c.before, c.after); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
