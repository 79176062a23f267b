// Package appservice is the control seat's view of a gateway's function apps on Azure, and its way to have them fail on purpose, by the
// management API of App Service.
package appservice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// siteType is the type of the resource that topology.Region.Function names.
const siteType = "Microsoft.Web/sites"

// Provider is Azure, as far as the apps of one stack go.
type Provider struct {
	apps  []app
	pause time.Duration // between looks at what takes its time
}

// app is the function app of a region.
type app struct {
	region, group, name string
	sites               *armappservice.WebAppsClient // of its subscription
}

// New returns the provider of the regions of Azure in a topology. opts may be nil, for Azure's public cloud.
func New(credential azcore.TokenCredential, opts *arm.ClientOptions, t topology.Topology) (*Provider, error) {
	p := &Provider{pause: 2 * time.Second}
	clients := map[string]*armappservice.WebAppsClient{} // by subscription
	for _, r := range t.Regions {
		if r.Provider != "azure" {
			continue
		}
		id, err := arm.ParseResourceID(r.Function)
		if err != nil {
			return nil, fmt.Errorf("the topology of %s names the function %q in %s, want an id of Azure Resource Manager: `polygate up` writes it: %w",
				t.Environment, r.Function, r.Name, err)
		}
		if !strings.EqualFold(id.ResourceType.String(), siteType) {
			return nil, fmt.Errorf("the topology of %s names the function %q in %s, which is one of %s: want a %s", t.Environment, id, r.Name, id.ResourceType, siteType)
		}
		if clients[id.SubscriptionID] == nil {
			if clients[id.SubscriptionID], err = armappservice.NewWebAppsClient(id.SubscriptionID, credential, opts); err != nil {
				return nil, fmt.Errorf("set up the API of App Service: %w", err)
			}
		}
		p.apps = append(p.apps, app{region: r.Name, group: id.ResourceGroupName, name: id.Name, sites: clients[id.SubscriptionID]})
	}
	return p, nil
}

// Functions asks for all apps at a time: there is one in each region, and no list has them all. What is known of the others comes with
// the error about one.
func (p *Provider) Functions(ctx context.Context) (map[string]control.Function, error) {
	answers, errs := make([]control.Function, len(p.apps)), make([]error, len(p.apps))
	var asking sync.WaitGroup
	for i, a := range p.apps {
		asking.Go(func() {
			site, err := a.sites.Get(ctx, a.group, a.name, nil)
			if err != nil {
				errs[i] = fmt.Errorf("region %s: read the function app %s in the resource group %s: %w", a.region, a.name, a.group, resourcemanager.Explain(err))
				return
			}
			answers[i] = judge(site.Properties)
		})
	}
	asking.Wait()
	out := map[string]control.Function{}
	for i, a := range p.apps {
		if errs[i] == nil {
			out[a.region] = answers[i]
		}
	}
	return out, errors.Join(errs...)
}

// running is the state of an app that takes requests. Source: "Web Apps - Get", properties.state, learn.microsoft.com/rest/api/appservice/web-apps/get.
const running = "Running"

// judge is what an app's properties say of it. An app that is switched off or has used up its quota may be called running all the same:
// enabled false "takes the app offline" (Web Apps - Get), and "if any quota is exceeded, the UsageState value changes to Exceeded and the
// site goes off line" (WebSite.UsageState, learn.microsoft.com/previous-versions/azure/reference/dn603915).
func judge(s *armappservice.SiteProperties) control.Function {
	if s == nil {
		s = &armappservice.SiteProperties{}
	}
	var out control.Function
	if s.State != nil {
		out.State = *s.State
	}
	if s.LastModifiedTimeUTC != nil {
		out.Updated = *s.LastModifiedTimeUTC
	}
	switch {
	case out.State == "":
		out.Why = "Azure tells no state of the app"
	case out.State != running:
		out.Why = fmt.Sprintf("the app is %s: `az functionapp start` starts one that was stopped", out.State)
	case s.Enabled != nil && !*s.Enabled:
		out.Why = "the app is disabled, which takes it offline"
	case s.UsageState != nil && *s.UsageState == armappservice.UsageStateExceeded:
		out.Why = "the app has exceeded its quota, which takes it offline"
	}
	out.Ready = out.Why == ""
	return out
}

var _ control.Provider = (*Provider)(nil)
