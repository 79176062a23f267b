package infra

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// CAA lists the values of the CAA record set at the zone's top: one for each authority that issues for a region of the stack,
// or for a front that its traffic managers put before them, and whom to tell of requests that were refused. Nobody else may
// issue for any name of the zone that has no CAA of its own. Source: RFC 8659, section 4.
func CAA(s settings.Settings) ([]provider.CAAProperty, error) {
	var names []string
	for _, name := range s.Providers() {
		p, ok := catalog.Provider(name)
		if !ok {
			return nil, fmt.Errorf("there is no provider %q", name)
		}
		names = append(names, p.Spec().Authorities...)
		if p.Spec().Certificate && s.Certificate != nil && s.Certificate.Authority != "" {
			names = append(names, s.Certificate.Authority)
		}
	}
	for _, name := range []string{s.Manager, s.Spare} {
		if m, ok := catalog.Manager(name); ok && s.Cloudflare.Proxied {
			names = append(names, m.Spec().Authorities...)
		}
	}
	slices.Sort(names)
	var values []provider.CAAProperty
	for _, n := range slices.Compact(names) {
		values = append(values, provider.CAAProperty{Tag: "issue", Value: n})
	}
	if s.Alarms != nil {
		values = append(values, provider.CAAProperty{Tag: "iodef", Value: "mailto:" + s.Alarms.Email})
	}
	return values, nil
}

// excludes says what polygate:caa does to all others of the zone, and to whoever has a CAA set there: its record is at the zone's top,
// where every name looks that has no CAA of its own (RFC 8659, section 3), and a set that is there is refused, not overwritten. The
// local environment's zone has nobody else in it.
func excludes(s settings.Settings, _ settings.Lookup) []settings.Problem {
	if !s.CAA || s.Environment == settings.Local {
		return nil
	}
	found := []settings.Problem{settings.Problemf("caa", nil, "lets nobody but the authorities in use issue, for all of %s: every other name there without a CAA of its own "+
		"that another issues for loses its certificate at the next renewal; give it a CAA of its own, or write the set by hand and leave this out", s.Zone)}
	for _, manager := range []string{s.Manager, s.Spare} {
		if how, ok := replaceCAA(manager, s); ok {
			found = append(found, settings.Problemf("caa", nil, "fails `up` half-way where %s has a CAA set at the top of %s already (dig CAA %[2]s): %s", manager, s.Zone, how))
		}
	}
	return found
}

// replaceCAA says how a CAA set that is at the zone's top already is removed at a manager, or made the stack's. What is imported has
// the name and the parent that the program gives it, so the stack has to have been deployed. Sources: `pulumi import`,
// www.pulumi.com/docs/iac/cli/commands/pulumi_import; the Import sections of aws.route53.Record and azure-native.dns.RecordSet,
// www.pulumi.com/registry.
func replaceCAA(manager string, s settings.Settings) (how string, ok bool) {
	imported := func(what string) string {
		return fmt.Sprintf(", or leave this out until after the first `up` and import it: pulumi import --stack %s --protect=false --generate-code=false "+
			"--parent gateway=urn:pulumi:%[1]s::polygate::polygate:index:Gateway::gateway %s", s.Environment, what)
	}
	switch manager {
	case "route53":
		return "remove it first, in the console or by aws route53 change-resource-record-sets" +
			imported("aws:route53/record:Record gateway-caa <zone id>_"+s.Zone+"_CAA"), true
	case "trafficmanager":
		set := s.TrafficManager.ZoneGroup + "/providers/Microsoft.Network/dnsZones/" + s.Zone
		return "remove it first, az network dns record-set caa delete --resource-group " + s.TrafficManager.ZoneGroup + " --zone-name " + s.Zone + " --name @" +
			imported("azure-native:dns:RecordSet gateway-caa /subscriptions/<subscription>/resourceGroups/"+set+"/CAA/@"), true
	case "cloudflare": // a record for each value
		return "remove its records first, on the zone's DNS page; one of the stack's own values is refused, and all others would stay beside them", true
	}
	return "", false
}

// admit writes the CAA record set. Whatever is written afterwards waits for it, the proofs of ownership among it, so that
// an authority which has become one of the stack's is admitted before it is asked.
func (z *zones) admit(ctx *pulumi.Context, name string, s settings.Settings, opts ...pulumi.ResourceOption) error {
	values, err := CAA(s)
	if err != nil {
		return err
	}
	r := provider.Record{Name: pulumi.String(s.Zone), Type: pulumi.String(string(provider.CAA))}
	for i, v := range values {
		if i == 0 {
			r.Value = pulumi.String(v.String())
			continue
		}
		r.More = append(r.More, pulumi.String(v.String()))
	}
	w, err := z.Write(ctx, name, r, append(opts, provider.Replaceable())...)
	if err != nil {
		return err
	}
	z.admitted = pulumi.DependsOn([]pulumi.Resource{w.Resource})
	return nil
}
