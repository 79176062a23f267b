package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/report"
)

// How one logs in to each cloud.
const (
	loginAWS        = "log in: `aws sso login` and `export AWS_PROFILE=<profile>`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	loginGoogle     = "log in: `gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS=<key file>"
	loginAzure      = "log in: `az login`, or ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET"
	loginCloudflare = "make an API token (Zone: DNS edit, Load Balancers edit; Account: Load Balancing monitors and pools edit) and `export CLOUDFLARE_API_TOKEN=<token>`"
)

// connected is a connection that is made and proven once, by whichever check comes first. The others wait for it, each within its
// own time; where it fails, one check says why and what to do, and the others that there was nothing they could look at.
type connected[C any] struct {
	cloud, login string
	connect      func(context.Context) (C, error)
	prove        func(context.Context, C) Finding
	once         sync.Once
	done         chan struct{}
	client       C
	proof        Finding
}

func connection[C any](cloud, login string, connect func(context.Context) (C, error), prove func(context.Context, C) Finding) *connected[C] {
	return &connected[C]{cloud: cloud, login: login, connect: connect, prove: prove, done: make(chan struct{})}
}

// credentials is the check of the connection itself.
func (c *connected[C]) credentials() Own { return Own{Name: c.cloud + ": credentials", Run: c.proven} }

func (c *connected[C]) proven(ctx context.Context) Finding {
	c.once.Do(func() {
		go func() { // all checks begin together, so that one's time is everybody's
			defer close(c.done)
			client, err := c.connect(ctx)
			if err != nil {
				c.proof = Bad(c.login, "%v", err)
				return
			}
			c.client, c.proof = client, c.prove(ctx, client)
		}()
	})
	select {
	case <-c.done:
		return c.proof
	case <-ctx.Done():
		return Bad(c.login, "no answer in time from where credentials are looked for")
	}
}

// check makes a check that needs the connection.
func (c *connected[C]) check(name string, look func(context.Context, C) Finding) Own {
	return Own{Name: name, Run: func(ctx context.Context) Finding {
		if f := c.proven(ctx); f.Result != report.OK {
			return Skip("not looked at: %s first", c.cloud+": credentials")
		}
		return look(ctx, c.client)
	}}
}

// refused is a finding of an API that did not answer as hoped. action is what the deployer has to be allowed.
func refused(login, action string, err error) Finding {
	remedy := "see that the deployer is allowed " + action + " (infra/FIRST-DEPLOY.md), and that the network lets it through"
	if errors.Is(err, ErrNoCredentials) {
		remedy = login
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return Bad(remedy, "%s", text)
}

// accounts are the checks of what is deployed to.
func (d *doctor) accounts() []Own {
	var out []Own
	if d.runs("aws") || d.uses("route53") {
		out = append(out, d.aws()...)
	}
	if d.runs("gcp") {
		out = append(out, d.google()...)
	}
	if d.runs("azure") || d.uses("trafficmanager") {
		out = append(out, d.azure()...)
	}
	if d.uses("cloudflare") {
		c := connection("cloudflare", loginCloudflare, d.Clouds.Cloudflare, func(ctx context.Context, c Cloudflare) Finding {
			who, err := c.Identity(ctx)
			if err != nil {
				return refused(loginCloudflare, "to verify its own token", err)
			}
			return OK("%s", who)
		})
		out = append(out, c.credentials(), c.check("cloudflare: zone "+d.Settings.Zone, func(ctx context.Context, cf Cloudflare) Finding {
			z, err := cf.Zone(ctx, d.Settings.Zone)
			return d.zone(ctx, "cloudflare", c.cloud, c.login, z.Servers, err)
		}), c.check("cloudflare: plan of "+d.Settings.Zone, d.plan), c.check("cloudflare: rulesets of "+d.Settings.Zone, d.rulesets))
	}
	return out
}

func (d *doctor) aws() []Own {
	c := connection("aws", loginAWS, d.Clouds.AWS, func(ctx context.Context, a AWS) Finding {
		arn, err := a.Identity(ctx)
		if err != nil {
			return refused(loginAWS, "sts:GetCallerIdentity", err)
		}
		return OK("%s", arn)
	})
	out := []Own{c.credentials()}
	if d.runs("aws") {
		out = append(out, c.check("aws: regions", func(ctx context.Context, a AWS) Finding {
			enabled, err := a.Regions(ctx)
			if err != nil {
				return refused(loginAWS, "account:ListRegions", err)
			}
			return within("enabled in the account", "enable them: `aws account enable-region --region-name <region>`; it takes minutes to hours", d.regions("aws"), enabled)
		}))
	}
	for _, region := range d.regions("aws") {
		out = append(out, c.check("aws: Lambda concurrency in "+region, func(ctx context.Context, a AWS) Finding {
			limit, unreserved, err := a.Concurrency(ctx, region)
			if err != nil {
				return refused(loginAWS, "lambda:GetAccountSettings", err)
			}
			return d.concurrency(region, limit, unreserved)
		}))
	}
	if d.uses("route53") {
		out = append(out, c.check("route53: zone "+d.Settings.Zone, func(ctx context.Context, a AWS) Finding {
			servers, err := a.Zone(ctx, d.Settings.Zone)
			return d.zone(ctx, "route53", c.cloud, c.login, servers, err)
		}), d.healthChecks(c))
	}
	return out
}

// leastUnreserved is what Lambda keeps for functions that reserve nothing. Source: "Configuring reserved concurrency for a
// function", docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html.
const leastUnreserved = 100

// concurrency compares what a function reserves with what the account has left.
func (d *doctor) concurrency(region string, limit, unreserved int) Finding {
	remedy := fmt.Sprintf("ask for more at Service Quotas (`aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "+
		"--desired-value 1000 --region %s`), or lower polygate:concurrency", region)
	want := d.Settings.Concurrency
	if d.Deployed != nil && slices.ContainsFunc(d.Deployed.Regions, deployedAs("aws/"+region)) {
		if limit < want+leastUnreserved {
			return Bad(remedy, "the account may have %s at a time, and polygate:concurrency is %d with %d to be left for others", settings.Count(limit, "instance"), want, leastUnreserved)
		}
		return OK("%d of the account's %d are not reserved", unreserved, limit)
	}
	if unreserved-want < leastUnreserved {
		return Bad(remedy, "%d of the account's %d are not reserved: polygate:concurrency is %d, and Lambda keeps %d for functions that reserve nothing", unreserved, limit, want, leastUnreserved)
	}
	return OK("%d of the account's %d are not reserved", unreserved, limit)
}

func (d *doctor) google() []Own {
	project, _ := d.Config("gcp:project")
	c := connection("gcp", loginGoogle, d.Clouds.Google, func(ctx context.Context, g Google) Finding {
		who, err := g.Identity(ctx)
		if err != nil {
			return Bad(loginGoogle, "%v", err)
		}
		return OK("%s", who)
	})
	return []Own{
		c.credentials(),
		c.check("gcp: APIs of "+project, func(ctx context.Context, g Google) Finding {
			enabled, err := g.Services(ctx, project)
			if err != nil {
				return refused(loginGoogle, "serviceusage.services.list", err)
			}
			lacking := without(d.APIs, enabled)
			if len(lacking) == 0 {
				return OK("all %d are enabled", len(d.APIs))
			}
			return Bad("gcloud services enable --project "+project+" "+strings.Join(lacking, " "), "not enabled: %s", strings.Join(lacking, ", "))
		}),
		c.check("gcp: regions", func(ctx context.Context, g Google) Finding {
			locations, err := g.Locations(ctx, project)
			if err != nil {
				return refused(loginGoogle, "cloudfunctions.locations.list, with that API enabled", err)
			}
			return within("open to the project", "choose others: `gcloud functions regions list --project "+project+"`", d.regions("gcp"), locations)
		}),
		c.check("gcp: quotas of "+project, func(ctx context.Context, g Google) Finding {
			quotas, err := g.Quotas(ctx, project)
			if err != nil {
				return refused(loginGoogle, "compute.projects.get, with that API enabled", err)
			}
			return d.balancers(quotas)
		}),
		c.check("gcp: sharing of "+project, func(ctx context.Context, g Google) Finding {
			return d.sharing(ctx, g, project)
		}),
	}
}

// balancers compares what load balancers a stack adds with what the project may still have: each region has one of each.
func (d *doctor) balancers(quotas []Quota) Finding {
	want := 0
	for _, r := range d.regions("gcp") {
		if d.Deployed == nil || !slices.ContainsFunc(d.Deployed.Regions, deployedAs("gcp/"+r)) {
			want++
		}
	}
	var short []string
	for _, q := range quotas {
		if slices.Contains([]string{"STATIC_ADDRESSES", "FORWARDING_RULES", "TARGET_HTTPS_PROXIES", "URL_MAPS", "BACKEND_SERVICES"}, q.Metric) && q.Limit-q.Usage < float64(want) {
			short = append(short, fmt.Sprintf("%s: %g of %g are taken", q.Metric, q.Usage, q.Limit))
		}
	}
	if len(short) > 0 {
		return Bad("ask for more at console.cloud.google.com/iam-admin/quotas", "the stack adds %s; %s", settings.Count(want, "load balancer"), strings.Join(short, "; "))
	}
	return OK("room for %s", settings.Count(want, "load balancer"))
}

func (d *doctor) azure() []Own {
	subscription, _ := d.Config("azure-native:subscriptionId")
	c := connection("azure", loginAzure, d.Clouds.Azure, func(ctx context.Context, a Azure) Finding {
		name, err := a.Identity(ctx, subscription)
		switch {
		case missing(err):
			return Bad("put one that you can read into azure-native:subscriptionId: `az account list`, or log in to its tenant: `az login --tenant <tenant>`",
				"there is no subscription %s for these credentials", subscription)
		case err != nil:
			return refused(loginAzure, "to read the subscription "+subscription, err)
		}
		return OK("subscription %s", name)
	})
	out := []Own{
		c.credentials(),
		c.check("azure: resource providers", func(ctx context.Context, a Azure) Finding {
			registered, err := a.Providers(ctx, subscription)
			if err != nil {
				return refused(loginAzure, "to list the subscription's resource providers", err)
			}
			lacking := withoutFold(d.ARM, registered)
			if len(lacking) == 0 {
				return OK("all %d are registered", len(d.ARM))
			}
			var lines []string
			for _, p := range lacking {
				lines = append(lines, "az provider register --subscription "+subscription+" --namespace "+p)
			}
			return Bad(strings.Join(lines, "\n"), "not registered: %s", strings.Join(lacking, ", "))
		}),
	}
	if d.runs("azure") {
		out = append(out, c.check("azure: regions", func(ctx context.Context, a Azure) Finding {
			sold, err := a.FlexLocations(ctx, subscription)
			if err != nil {
				return refused(loginAzure, "Microsoft.Web/geoRegions/read", err)
			}
			return within("sold with Flex Consumption", "choose others: `az functionapp list-flexconsumption-locations`", d.regions("azure"), sold)
		}))
	}
	for _, region := range d.regions("azure") {
		out = append(out, c.check("azure: quotas in "+region, func(ctx context.Context, a Azure) Finding {
			usages, err := a.Usages(ctx, subscription, region)
			if err != nil {
				return refused(loginAzure, "Microsoft.Web/locations/usages/read", err)
			}
			return flexQuota(region, usages)
		}))
	}
	if d.uses("trafficmanager") {
		out = append(out, c.check("trafficmanager: zone "+d.Settings.Zone, func(ctx context.Context, a Azure) Finding {
			servers, err := a.Zone(ctx, subscription, d.Settings.TrafficManager.ZoneGroup, d.Settings.Zone)
			return d.zone(ctx, "trafficmanager", c.cloud, c.login, servers, err)
		}), d.profiles(c, subscription))
	}
	return out
}

// flexQuota looks whether a region's quota of Flex Consumption is used up. A subscription has 250 cores of it in a region
// (512,000 MB). Source: "Regional subscription memory quotas", learn.microsoft.com/azure/azure-functions/flex-consumption-plan.
func flexQuota(region string, usages []Quota) Finding {
	for _, u := range usages {
		if !strings.Contains(strings.ToLower(u.Metric), "flex") {
			continue
		}
		if u.Limit > 0 && u.Usage >= u.Limit {
			return Bad("ask for more: a support request for the quota of Flex Consumption in "+region, "%s: %g of %g are in use", u.Metric, u.Usage, u.Limit)
		}
		return OK("%s: %g of %g are in use", u.Metric, u.Usage, u.Limit)
	}
	return Skip("Azure tells no quota of Flex Consumption here; the default is 250 cores of instances at a time")
}

// within looks for regions that are not among those that may be used.
func within(what, remedy string, wanted, have []string) Finding {
	if lacking := without(wanted, have); len(lacking) > 0 {
		return Bad(remedy, "not %s: %s", what, strings.Join(lacking, ", "))
	}
	return OK("%s: %s", what, strings.Join(wanted, ", "))
}

// without lists what is wanted and not there.
func without(wanted, have []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(w string) bool { return slices.Contains(have, w) })
}

// withoutFold is without for names that have no case.
func withoutFold(wanted, have []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(w string) bool {
		return slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(w, h) })
	})
}
