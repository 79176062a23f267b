package appservice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4"

	"polygate.example/shared/health"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// leverPatience is how long a lever may take: another change of the app may be under way.
const leverPatience = 5 * time.Minute

// Pull implements control.Lever. App Service answers before the instances have the setting: those that run are restarted. Source: "Site
// update strategies in Flex Consumption", learn.microsoft.com/azure/azure-functions/flex-consumption-site-updates.
func (p *Provider) Pull(ctx context.Context, region string, l control.Lease) error {
	doc, err := l.Document(time.Now())
	if err != nil {
		return fmt.Errorf("region %s: %w", region, err)
	}
	return p.atLever(ctx, region, l.Token, doc)
}

// Release implements control.Lever.
func (p *Provider) Release(ctx context.Context, region string, token uint64) error {
	return p.atLever(ctx, region, token, "")
}

// Pulled implements control.Lever.
func (p *Provider) Pulled(ctx context.Context) (map[string]control.Lease, error) {
	leases, found, errs := make([]control.Lease, len(p.apps)), make([]bool, len(p.apps)), make([]error, len(p.apps))
	var asking sync.WaitGroup
	for i, a := range p.apps {
		asking.Go(func() {
			settings, err := a.settings(ctx)
			if err == nil {
				leases[i], found[i], err = control.LeaseIn(plain(settings))
			}
			if err != nil {
				errs[i] = fmt.Errorf("region %s: %w", a.region, err)
			}
		})
	}
	asking.Wait()
	out := map[string]control.Lease{}
	for i, a := range p.apps {
		if found[i] && errs[i] == nil {
			out[a.region] = leases[i]
		}
	}
	return out, errors.Join(errs...)
}

// atLever gives a region's app the setting, or with "" takes it away.
func (p *Provider) atLever(ctx context.Context, region string, token uint64, doc string) error {
	for _, a := range p.apps {
		if a.region != region {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, leverPatience)
		defer cancel()
		if err := control.Repeat(ctx, p.pause, func() error { return a.set(ctx, token, doc) }); err != nil {
			return fmt.Errorf("region %s: %w", region, err)
		}
		return nil
	}
	return fmt.Errorf("region %s: %w: the topology has no such region on Azure", region, control.ErrUnknown)
}

// set writes all settings as they are, but for the one: to update them "Replaces the application settings of an app" (Web Apps - Update
// Application Settings, learn.microsoft.com/rest/api/appservice/web-apps/update-application-settings). The API has no revision that a write
// could be held to. So nothing comes between the reading and the writing here, and what is there afterwards is read again: what somebody
// else wrote over ours is seen, what ours was written over in that moment is not.
func (a app) set(ctx context.Context, token uint64, doc string) error {
	have, err := a.settings(ctx)
	if err != nil {
		return err
	}
	variables := plain(have)
	if err := control.Fence(variables, token); err != nil {
		return err
	}
	if text, there := variables[health.EnvDrill]; text == doc && there == (doc != "") {
		return nil
	}
	want := maps.Clone(have)
	delete(want, health.EnvDrill)
	if doc != "" {
		if want == nil {
			want = map[string]*string{}
		}
		want[health.EnvDrill] = to.Ptr(doc)
	}
	if _, err := a.sites.UpdateApplicationSettings(ctx, a.group, a.name, armappservice.StringDictionary{Properties: want}, nil); err != nil {
		return a.failed("change", err)
	}
	after, err := a.settings(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(plain(after), plain(want)) {
		return fmt.Errorf("the settings of the function app %s: %w", a.name, control.ErrChanged)
	}
	return nil
}

// settings are those of an app. Who may not list them is refused: an empty list is an app without any.
func (a app) settings(ctx context.Context) (map[string]*string, error) {
	out, err := a.sites.ListApplicationSettings(ctx, a.group, a.name, nil)
	if err != nil {
		return nil, a.failed("list", err)
	}
	return out.Properties, nil
}

// failed says what an error ended. 409 is Azure's answer while another operation is at the app.
func (a app) failed(doing string, err error) error {
	why := resourcemanager.Explain(err)
	if answer := (*azcore.ResponseError)(nil); errors.As(err, &answer) && answer.StatusCode == http.StatusConflict {
		why = fmt.Errorf("%w: %w", control.ErrChanged, why)
	}
	return fmt.Errorf("%s the settings of the function app %s in the resource group %s: %w", doing, a.name, a.group, why)
}

// plain are settings without pointers.
func plain(settings map[string]*string) map[string]string {
	out := make(map[string]string, len(settings))
	for k, v := range settings {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

var _ control.Lever = (*Provider)(nil)
