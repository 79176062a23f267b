package gcp

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/settings"
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
		if got := believesMore(believes(c.before), believes(c.after)); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// TestSettleTold: what an update waits is cloud time, and what believes no more than before does not wait it.
func TestSettleTold(t *testing.T) {
	country := resource.NewPropertyMapFromMap(map[string]any{"serviceConfig": map[string]any{"environmentVariables": map[string]any{"POLYGATE_COUNTRY": "X-Polygate-Client-Region"}}})
	err := (&record.Recorder{}).Run("dev", nil, func(ctx *pulumi.Context) error {
		const speed = 6000
		for name, c := range map[string]struct {
			settings settings.Settings
			before   resource.PropertyMap
			least    time.Duration
		}{
			"it begins to believe": {settings.Settings{LocalClouds: &settings.LocalClouds{Speed: speed}}, nil, toldTime / speed},
			"it has believed":      {settings.Settings{}, country, 0},
		} {
			hook, err := settleTold(ctx, name, c.settings)
			if err != nil {
				return err
			}
			begun := time.Now()
			if err := hook.Callback(&pulumi.ResourceHookArgs{OldInputs: c.before, NewInputs: country}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begun); took < c.least || took > toldTime/2 {
				t.Errorf("%s: it took %s, want %s", name, took, c.least)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
