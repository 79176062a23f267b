package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"polygate.example/infra/settings"
)

// room compares what a stack takes of a manager's account with what is left of it. What is deployed has its part already.
func (d *doctor) room(manager, of string, limit, used int, remedy string) Finding {
	for _, n := range d.Needs[manager] {
		if n.Of != of {
			continue
		}
		deployed := d.Deployed != nil && (d.Deployed.Manager == manager || d.Deployed.Spare == manager)
		switch {
		case n.Count > limit:
			return Bad(remedy, "the stack takes %d %s, and the account has %d", n.Count, of, limit)
		case !deployed && used+n.Count > limit:
			return Bad(remedy, "the stack takes %d %s, and %d of the account's %d are in use", n.Count, of, used, limit)
		}
		return OK("the stack takes %d %s; %d of the account's %d are in use", n.Count, of, used, limit)
	}
	return Skip("nobody says how many %s the stack takes", of)
}

// healthChecks looks at Route 53's quota.
func (d *doctor) healthChecks(c *connected[AWS]) Own {
	return c.check("route53: health checks", func(ctx context.Context, a AWS) Finding {
		limit, used, err := a.HealthChecks(ctx)
		if err != nil {
			return refused(loginAWS, "route53:GetAccountLimit", err)
		}
		return d.room("route53", "health checks", limit, used, "ask for more at Service Quotas (`aws service-quotas "+
			"request-service-quota-increase --service-code route53 --quota-code L-ACB674F3 --desired-value 500 --region us-east-1`), or take steps of polygate:ramp out")
	})
}

// profiles looks at Traffic Manager's limit.
func (d *doctor) profiles(c *connected[Azure], subscription string) Own {
	return c.check("trafficmanager: profiles", func(ctx context.Context, a Azure) Finding {
		used, err := a.Profiles(ctx, subscription)
		if err != nil {
			return refused(loginAzure, "Microsoft.Network/trafficManagerProfiles/read", err)
		}
		return d.room("trafficmanager", "profiles", d.most("trafficmanager", "profiles"), used, "ask for more by a support request, or delete profiles that nobody needs")
	})
}

// most is how many of something an account of a manager's has.
func (d *doctor) most(manager, of string) int {
	for _, n := range d.Needs[manager] {
		if n.Of == of {
			return n.Most
		}
	}
	return 0
}

// plan looks whether the zone's plan at Cloudflare has what the stack asks, and in which status the zone is.
func (d *doctor) plan(ctx context.Context, c Cloudflare) Finding {
	z, err := c.Zone(ctx, d.Settings.Zone)
	switch {
	case errors.Is(err, ErrNoZone):
		return Skip("there is no zone")
	case err != nil:
		return refused(loginCloudflare, "to read the zone "+d.Settings.Zone, err)
	}
	if err := d.Fit(z); err != nil {
		return Bad("do what it says, or choose another plan", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	look := "have Cloudflare look at the delegation: `curl -X PUT -H \"Authorization: Bearer $CLOUDFLARE_API_TOKEN\" https://api.cloudflare.com/client/v4/zones/" + z.ID + "/activation_check`"
	spare := d.Settings.Spare == "cloudflare"
	if z.Status != "active" && !spare {
		return Bad("delegate the zone, and "+look, "the zone is %s: its load balancers need an active one", z.Status)
	}
	held := fmt.Sprintf("plan %s, %s", z.Plan, z.Status)
	if z.Status != "active" {
		held += ": its servers answer, with the first region until the zone is active; on the day of need, " + look
	}
	if z.Plan == "enterprise" || z.Plan == "" {
		return OK("%s", held)
	}
	pools, endpoints, err := c.Pools(ctx, z.Account)
	if err != nil {
		return refused(loginCloudflare, "to read the account's Load Balancing: Monitors and Pools", err)
	}
	for _, n := range []struct {
		of   string
		used int
	}{{"pools", pools}, {"endpoints", endpoints}} {
		f := d.room("cloudflare", n.of, d.most("cloudflare", n.of), n.used, "take regions or steps of polygate:ramp out, or choose an Enterprise plan")
		if f.Remedy != "" {
			return f
		}
		held += "; " + f.Detail
	}
	// Source: "Steering policies", developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/steering-policies.
	if s := d.Settings.Steering; s == settings.Latency || s == settings.Geo {
		return Warn("see that the account's Load Balancing has Traffic Steering (dashboard, Load Balancing, Manage subscription)",
			"%s; steering by %s wants the Traffic Steering add-on, which no API tells of", held, s)
	}
	return OK("%s", held)
}
