package cloudflare

import (
	"context"
	"fmt"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// tokenZone is the type of seeded zones. No program can make one: a stack uses a zone that exists.
const tokenZone = "cloudflare:index/zone:Zone"

// The statuses that a zone has here. Source: "Zone status", developers.cloudflare.com/dns/zone-setups/reference/domain-status.
const (
	statusPending = "pending" // the zone above has never named Cloudflare's servers
	statusActive  = "active"
	statusMoved   = "moved" // it names them no longer
)

// SeedZone puts a zone into the account, unless it is there: what someone made by hand before the first deployment, with
// Cloudflare as its only DNS (a full setup). The name is a DNS name with or without trailing dot; delegated says whether the
// zone above names Cloudflare's servers, without which the zone is pending.
func SeedZone(store *resource.Store, name string, delegated bool) error {
	name = fqdn(name)
	if !hostPattern.MatchString(name) {
		return fmt.Errorf("seed zone: %q is not a domain name of at least two labels", name)
	}
	status := statusPending
	if delegated {
		status = statusActive
	}
	return store.Seed(resource.Record{
		Provider: "cloudflare", Type: tokenZone, ID: derive("zone", name),
		Inputs:   resource.Props{"name": name, "type": "full", "account": resource.Props{"id": Account}},
		Computed: resource.Props{"status": status},
	})
}

// Outdated reports whether a zone's status has yet to follow its delegation.
func Outdated(v resource.View, name string, delegated bool) bool {
	z, ok := v.Get(tokenZone, derive("zone", fqdn(name)))
	return ok && (z.Computed.Str("status") == statusActive) != delegated
}

// CheckActivation has Cloudflare look where a zone is delegated to: a zone that is led to it becomes active, and an active one that
// no longer is has moved. One that was never active stays pending.
func CheckActivation(ctx context.Context, store *resource.Store, name string, delegated bool) error {
	return store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		if !Outdated(v, name, delegated) {
			return nil, nil
		}
		z, _ := v.Get(tokenZone, derive("zone", fqdn(name)))
		status := statusMoved
		if delegated {
			status = statusActive
		}
		z.Computed = z.Computed.With(resource.Props{"status": status})
		return []resource.Record{z}, nil
	})
}

// inactive reports whether a zone is one whose configuration is not applied: "An active domain status is a requirement for your
// application services configurations to be applied". Its servers answer for its records all the same, and proxy nothing. That load
// balancers are among what is not applied is how the documentation is read here; the other reading would only be better.
// Source: as for the statuses.
func inactive(v resource.View, zone string) bool {
	z, ok := v.Get(tokenZone, zone)
	return ok && z.Computed.Str("status") != statusActive
}

// nameServers are the two that every full zone is given. Source: "Change your nameservers (Full setup)",
// developers.cloudflare.com/dns/zone-setups/full-setup/setup.
func nameServers() []any { return resource.List("ada.ns.cloudflare.test", "bob.ns.cloudflare.test") }

// getZoneInvoke is cloudflare:index/getZone:getZone: a lookup by id, or by a filter that one zone matches. Source: "Exactly
// one of zone_id, filter", and the filter's operators, cloudflare/terraform-provider-cloudflare, docs/data-sources/zone.md.
func getZoneInvoke() *resource.Invoke {
	return &resource.Invoke{
		Token: "cloudflare:index/getZone:getZone",
		Args: []resource.Property{text("zoneId"), {Name: "filter", Kind: resource.Object, Unmodelled: []string{"account", "direction", "order"}, Fields: []resource.Property{
			text("name"), {Name: "match", Kind: resource.String, OneOf: oneOf("any", "all")}, text("status")}}},
		Call: func(_ context.Context, env *resource.Env, args resource.Props) (resource.Props, error) {
			filter := args.Object("filter")
			if args.Has("zoneId") == (len(filter) > 0) {
				return nil, &resource.Error{Code: "Check", Message: "Invalid Attribute Combination: exactly one of these attributes must be configured: [zone_id,filter]"}
			}
			name := filter.Str("name")
			if op, rest, ok := strings.Cut(name, ":"); ok {
				if op != "equal" {
					return nil, &resource.Error{Code: resource.CodeUnsupported, Message: fmt.Sprintf("the local clouds do not have lookups of zones by %q", op)}
				}
				name = rest
			}
			var found []resource.Record
			for _, z := range env.View().List(tokenZone) {
				byID := args.Has("zoneId") && z.ID == args.Str("zoneId")
				byFilter := len(filter) > 0 && (name == "" || z.Inputs.Str("name") == fqdn(name)) &&
					(!filter.Has("status") || z.Computed.Str("status") == filter.Str("status"))
				if byID || byFilter {
					found = append(found, z)
				}
			}
			switch {
			case len(found) == 1:
				return zoneResult(found[0], filter), nil
			case args.Has("zoneId"):
				return nil, call{"GET", "zones/" + args.Str("zoneId")}.refuse(codeRoute, "Could not route to /client/v4/zones/%s, perhaps your object identifier is invalid?", args.Str("zoneId"))
			}
			return nil, &resource.Error{Code: fmt.Sprint(codeNotFound), Message: fmt.Sprintf("failed to find exactly one result: found %d zones", len(found))}
		},
	}
}

func zoneResult(z resource.Record, filter resource.Props) resource.Props {
	out := resource.Props{
		"id": z.ID, "zoneId": z.ID, "name": z.Inputs.Str("name"), "status": z.Computed.Str("status"), "type": z.Inputs.Str("type"), "paused": false,
		"account":     resource.Props{"id": Account, "name": "polygate"},
		"nameServers": nameServers(), "originalNameServers": []any{}, "vanityNameServers": []any{}, "permissions": []any{},
		"activatedOn": "2026-01-01T00:00:00Z", "createdOn": "2026-01-01T00:00:00Z", "modifiedOn": "2026-01-01T00:00:00Z",
		"cnameSuffix": "", "developmentMode": 0.0, "originalDnshost": "", "originalRegistrar": "", "verificationKey": "",
		"meta":  resource.Props{"cdnOnly": false, "customCertificateQuota": 1.0, "dnsOnly": false, "foundationDns": false, "pageRuleQuota": 125.0, "phishingDetected": false, "step": 4.0},
		"owner": resource.Props{"id": Account, "name": "polygate", "type": "organization"},
		"plan": resource.Props{"canSubscribe": false, "currency": "USD", "externallyManaged": true, "frequency": "monthly", "id": derive("plan"),
			"isSubscribed": true, "legacyDiscount": false, "legacyId": "enterprise", "name": "Enterprise Website", "price": 0.0},
		"tenant": resource.Props{"id": "", "name": ""}, "tenantUnit": resource.Props{"id": ""},
	}
	if len(filter) > 0 {
		out["filter"] = filter
	}
	return out
}

// DNS answers from the zones among the records.
type DNS struct{}

// TXT returns the values at a name, each as one string without the quotes of the zone's spelling.
func (DNS) TXT(v resource.View, name string) []string {
	var out []string
	for _, r := range recordsAt(v, name, "TXT") {
		value := strings.TrimPrefix(strings.TrimSuffix(r.Outputs().Str("content"), `"`), `"`)
		value = strings.ReplaceAll(value, `" "`, "")
		out = append(out, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value))
	}
	return out
}

// CNAME returns the target at a name in lower case without trailing dot, "" when there is none.
func (DNS) CNAME(v resource.View, name string) string {
	for _, r := range recordsAt(v, name, "CNAME") {
		return fqdn(r.Outputs().Str("content"))
	}
	return ""
}

// CAA returns the CAA values at a name, as a zone file writes them.
func (DNS) CAA(v resource.View, name string) []string {
	var out []string
	for _, r := range recordsAt(v, name, "CAA") {
		out = append(out, r.Outputs().Str("content"))
	}
	return out
}

func recordsAt(v resource.View, name, kind string) []resource.Record {
	var out []resource.Record
	for _, r := range v.List(tokenRecord) {
		if r.Inputs.Str("type") == kind && recordName(v, r.Inputs) == fqdn(name) {
			out = append(out, r)
		}
	}
	return out
}

var _ resource.DNS = DNS{}
