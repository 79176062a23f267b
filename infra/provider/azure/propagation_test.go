package azure

import (
	"slices"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/settings"
)

const denied = `Code="AuthorizationPermissionMismatch" Message="This request is not authorized"`

func TestAgain(t *testing.T) {
	for _, c := range []struct {
		name      string
		operation string
		errors    []string // newest first
		speed     float64
		wait      time.Duration // 0 for no more attempt
	}{
		{"the first refusal of storage", "update", []string{denied}, 1, 15 * time.Second},
		{"as OneDeploy reports it", "update", []string{"InaccessibleStorageException: Failed to access storage account"}, 1, 15 * time.Second},
		{"waits grow", "update", slices.Repeat([]string{denied}, 3), 1, time.Minute},
		{"up to a limit", "update", slices.Repeat([]string{denied}, 9), 1, 90 * time.Second},
		{"ten attempts are all", "update", slices.Repeat([]string{denied}, 10), 1, 0},
		{"local clouds are faster", "update", []string{denied}, 10, 1500 * time.Millisecond},
		{"a refusal before another error does not count", "update", []string{`Code="BadRequest"`, denied}, 1, 0},
		{"another error is final", "update", []string{`Code="BadRequest" Message="Package deployment failed"`}, 1, 0},
		{"a failed deployment must not be created again", "create", []string{denied}, 1, 0},
		{"no error at all", "update", nil, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := propagation{settings: settings.Settings{LocalClouds: &settings.LocalClouds{Speed: c.speed}}}
			wait, again := p.again(&pulumi.ErrorHookArgs{FailedOperation: c.operation, Errors: c.errors})
			if again != (c.wait > 0) || wait != c.wait {
				t.Errorf("again: %v after %v, want after %v", again, wait, c.wait)
			}
		})
	}
}

// All attempts together last about as long as Azure says that a grant can take to act.
func TestAttemptsLast(t *testing.T) {
	p, total := propagation{}, time.Duration(0)
	for n := 1; ; n++ {
		wait, again := p.again(&pulumi.ErrorHookArgs{FailedOperation: opUpdate, Errors: slices.Repeat([]string{denied}, n)})
		if !again {
			break
		}
		total += wait
	}
	if total < 10*time.Minute || total > 12*time.Minute {
		t.Errorf("the attempts span %v, want a little over 10m", total)
	}
}

// An app is held up only when it is to refer to a secret that it did not refer to: not at every release.
func TestRefersAnew(t *testing.T) {
	const one, two = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/one)", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/two)"
	app := func(values ...string) resource.PropertyMap {
		var settings []any
		for _, v := range values {
			settings = append(settings, map[string]any{"name": "N", "value": v})
		}
		return resource.NewPropertyMapFromMap(map[string]any{"siteConfig": map[string]any{"appSettings": settings}})
	}
	marked := app(one)
	marked["siteConfig"] = resource.MakeSecret(resource.NewProperty(resource.Output{Element: marked["siteConfig"], Known: true}))
	for _, c := range []struct {
		name          string
		before, after resource.PropertyMap
		want          bool
	}{
		{"no references", app("r1"), app("r2"), false},
		{"a release", app("r1", one), app("r2", one), false},
		{"the first reference", app("r1"), app("r1", one), true},
		{"one more", app(one), app(one, two), true},
		{"another", app(one), app(two), true},
		{"one less", app(one, two), app(one), false},
		{"in a secret", app("r1"), marked, true},
		{"without a configuration", resource.PropertyMap{}, app(one), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := refersAnew(c.before, c.after); got != c.want {
				t.Errorf("%t, want %t", got, c.want)
			}
		})
	}
}
