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
