package gcp

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Only an update that believes more of the load balancer waits until that tells it everywhere: a release must not.
func TestBelievesMore(t *testing.T) {
	with := func(variables map[string]any) resource.PropertyMap {
		return resource.NewPropertyMapFromMap(map[string]any{"serviceConfig": map[string]any{"environmentVariables": variables}})
	}
	none := with(map[string]any{"POLYGATE_RELEASE": "r1", "POLYGATE_COUNTRY": ""})
	country := with(map[string]any{"POLYGATE_RELEASE": "r2", "POLYGATE_COUNTRY": "X-Polygate-Client-Region"})
	certificate := with(map[string]any{"POLYGATE_FRONT_CERTIFICATE": "headers"})
	both := with(map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region", "POLYGATE_FRONT_CERTIFICATE": "headers"})
	for name, c := range map[string]struct {
		before, after resource.PropertyMap
		want          bool
	}{
		"countries":             {none, country, true},
		"certificates":          {none, certificate, true},
		"certificates as well":  {country, both, true},
		"one for the other":     {certificate, country, true},
		"another header":        {with(map[string]any{"POLYGATE_COUNTRY": "X-Old"}), country, true},
		"no variables before":   {resource.NewPropertyMapFromMap(map[string]any{"serviceConfig": map[string]any{"availableCpu": "1"}}), country, true},
		"nothing known before":  {nil, country, true},
		"the same":              {both, both, false},
		"certificates no more":  {both, country, false},
		"nothing":               {none, none, false},
		"nothing known of both": {nil, nil, false},
		"what Cloudflare tells": {none, with(map[string]any{"POLYGATE_FRONT_COUNTRY": "CF-IPCountry"}), false},
	} {
		if got := believesMore(c.before, c.after); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
