package cloudflare

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-cloudflare/sdk/v6/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/shared/handler"
)

// secret is what the regions know Cloudflare by. It is a secret wherever it goes: in the state and in previews.
func (b *builder) secret() (pulumi.StringOutput, bool) {
	s := b.zone.settings
	if !s.Fronted() || s.FrontSecret == "" {
		return pulumi.StringOutput{}, false
	}
	return pulumi.ToSecret(pulumi.String(string(s.FrontSecret))).(pulumi.StringOutput), true
}

// afterRegions has who shows the secret wait for all regions: they take another secret before it is shown to them.
func (b *builder) afterRegions() pulumi.ResourceOption {
	var ready []pulumi.Resource
	for _, m := range b.members {
		ready = append(ready, m.Ready...)
	}
	return pulumi.DependsOn(ready)
}

// front declares what a proxying Cloudflare does with requests for the hostname: it shows the secret to the regions, and
// takes a region's answer only from who has a valid certificate for its own name, whatever the zone's own mode.
//
// A zone has one ruleset for each phase, so these are the stack's alone: rules of the same phases that somebody made by
// hand make Cloudflare refuse them. Source: "exceeded maximum number of zone rulesets for phase", code 20217,
// cloudflare/terraform-provider-cloudflare issue 6273.
func (b *builder) front() ([]pulumi.Resource, error) {
	secret, ok := b.secret()
	if !ok {
		return nil, nil
	}
	host := pulumi.String("http.host eq " + strconv.Quote(b.zone.settings.Hostname))
	mark, err := b.ruleset("mark", phaseMark, cloudflare.RulesetRuleArgs{
		Description: pulumi.String("show the regions who brings the request"),
		Expression:  host,
		Action:      pulumi.String("rewrite"),
		ActionParameters: cloudflare.RulesetRuleActionParametersArgs{
			Headers: cloudflare.RulesetRuleActionParametersHeadersMap{
				handler.HeaderFront: cloudflare.RulesetRuleActionParametersHeadersArgs{Operation: pulumi.String("set"), Value: secret},
			},
		},
	}, b.afterRegions(), pulumi.AdditionalSecretOutputs([]string{"rules"}))
	if err != nil {
		return nil, err
	}
	strict, err := b.ruleset("strict", phaseStrict, cloudflare.RulesetRuleArgs{
		Description:      pulumi.String("validate the regions' certificates"),
		Expression:       host,
		Action:           pulumi.String("set_config"),
		ActionParameters: cloudflare.RulesetRuleActionParametersArgs{Ssl: pulumi.String("strict")},
	})
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{mark, strict}, nil
}

func (b *builder) ruleset(name, phase string, rule cloudflare.RulesetRuleArgs, opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
	rule.Enabled = pulumi.Bool(true)
	rule.Ref = pulumi.String("polygate-" + name)
	set, err := cloudflare.NewRuleset(b.ctx, b.name+"-"+name, &cloudflare.RulesetArgs{
		ZoneId:      pulumi.String(b.zone.id),
		Name:        pulumi.String("polygate " + b.zone.settings.Environment + " " + name),
		Description: pulumi.String("requests for " + b.zone.settings.Hostname),
		Kind:        pulumi.String("zone"),
		Phase:       pulumi.String(phase),
		Rules:       cloudflare.RulesetRuleArray{rule},
	}, append(opts, b.parent, provider.Replaceable())...)
	if err != nil {
		return nil, fmt.Errorf("ruleset %s: %w", name, err)
	}
	return set, nil
}

// tellCountry has the proxy tell the regions where clients are, in CF-IPCountry. It is a setting of the whole zone, which no rule has for some
// requests only; without it nobody takes off what a client has sent by the name: "Cloudflare passes all HTTP request headers to your origin web
// server and adds additional headers", this one where the setting is on. Sources: "Cloudflare HTTP headers", and CF-IPCountry there,
// developers.cloudflare.com/fundamentals/reference/http-headers; "IP geolocation", developers.cloudflare.com/network/ip-geolocation.
//
// All that is of regions waits for it, see zones.told, so that no function believes the header before. It goes when no function believes it any
// more: the engine deletes last, and nothing at all where a region has failed. Where Cloudflare is left out (failover.ZoneArgs.Lost) it is there
// from before, or nothing is deployed (infra.Untold).
//
// Unconfirmed: how long data centres take to learn of it, seconds by all that is known; and what becomes of the setting when the resource is
// deleted; on is harmless.
func (z *zone) tellCountry(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	setting, err := cloudflare.NewZoneSetting(ctx, name+"-geolocation", &cloudflare.ZoneSettingArgs{
		ZoneId: pulumi.String(z.id), SettingId: pulumi.String("ip_geolocation"), Value: pulumi.Any("on"),
	}, append(slices.Clone(opts), provider.Replaceable())...)
	if err != nil {
		return fmt.Errorf("setting ip_geolocation of the zone %s: %w", z.settings.Zone, err)
	}
	z.tells = append(z.tells, setting)
	return nil
}

// Tells is the setting that has countries told, if the document goes by them.
func (z *zone) Tells() []pulumi.Resource { return z.tells }

var _ failover.Telling = (*zone)(nil)
