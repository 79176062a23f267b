package azure

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// bind makes the app answer for the region's own name and for the shared one, with the certificate the user brings.
// On Flex Consumption a certificate belongs to the site, not to the plan.
//
// Publication, certificate and bindings come one after the other: App Service refuses a change of a site while another is
// under way (409, "Cannot modify this site because another operation is in progress"). So a name is also bound to an app
// that has its code, and when the last binding, which is returned, exists, all of the region does.
func (r *region) bind(app *web.WebApp, plan *web.AppServicePlan, published pulumi.Resource) (pulumi.Resource, error) {
	shared := r.account.args.Settings.Hostname
	own, err := r.prove(app, r.args.OwnName, r.name+"-ownership", r.parent)
	if err != nil {
		return nil, err
	}
	if r.account.ownership == nil {
		r.account.ownership, err = r.prove(app, shared, r.account.name+"-ownership", pulumi.Parent(r.account))
		if err != nil {
			return nil, err
		}
	}
	certificate, err := web.NewSiteCertificate(r.ctx, r.name+"-certificate", &web.SiteCertificateArgs{
		ResourceGroupName: r.group.Name,
		Name:              app.Name,
		CertificateName:   pulumi.String(r.stem + "-" + certificateVersion(r.account.pfx)),
		Location:          r.in,
		ServerFarmId:      plan.ID(),
		PfxBlob:           pulumi.ToSecret(pulumi.String(r.account.pfx)).(pulumi.StringOutput),
		Password:          pulumi.ToSecret(pulumi.String(r.account.password)).(pulumi.StringOutput),
		Tags:              r.tags,
	}, r.parent, provider.Replaceable(), pulumi.DependsOn([]pulumi.Resource{published}))
	if err != nil {
		return nil, r.failed("certificate", err)
	}
	last := published
	for _, b := range []struct {
		kind, host string
		proof      pulumi.Resource
	}{{"own", r.args.OwnName, own.Resource}, {"shared", shared, r.account.ownership.Resource}} {
		binding, err := web.NewWebAppHostNameBinding(r.ctx, r.name+"-"+b.kind+"-binding", &web.WebAppHostNameBindingArgs{
			ResourceGroupName:           r.group.Name,
			Name:                        app.Name,
			SiteName:                    app.Name,
			HostName:                    pulumi.String(b.host),
			HostNameType:                web.HostNameTypeVerified,
			CustomHostNameDnsRecordType: web.CustomHostNameDnsRecordTypeCName,
			SslState:                    web.SslStateSniEnabled,
			Thumbprint:                  certificate.Thumbprint,
		}, r.parent, pulumi.DependsOn([]pulumi.Resource{b.proof, last}))
		if err != nil {
			return nil, r.failed("binding of "+b.host, err)
		}
		last = binding
	}
	return last, nil
}

// certificateVersion tells one PFX from the next. A certificate that is bound cannot be deleted (409), and another PFX is
// another certificate: under a name of its own the new one is there first, the bindings move over, and the old one goes.
// base64 is what the stack brought.
func certificateVersion(base64 string) string {
	sum := sha256.Sum256([]byte(base64))
	return hex.EncodeToString(sum[:4])
}

// prove writes the TXT record by which App Service recognises that a name is ours. It also keeps others from taking
// the name over when the app is gone and a CNAME is left.
func (r *region) prove(app *web.WebApp, host, name string, parent pulumi.ResourceOption) (*provider.Written, error) {
	w, err := r.account.args.Names.Write(r.ctx, name, provider.Record{
		Name:  pulumi.String("asuid." + host),
		Type:  pulumi.String(string(provider.TXT)),
		Value: app.CustomDomainVerificationId.Elem(),
	}, parent)
	if err != nil {
		return nil, r.failed("ownership record of "+host, err)
	}
	return w, nil
}
