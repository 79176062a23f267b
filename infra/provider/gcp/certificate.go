package gcp

import (
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/certificatemanager"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// certificates is a region's certificate map, with an entry for each of its names.
type certificates struct {
	certificateMap *certificatemanager.CertificateMapResource
	entries        []pulumi.Resource
}

// certificates declares one Google-managed certificate for both names of the region. Google issues it once the
// authorisations' records are seen, some minutes later; nothing here waits for that, the health check does.
func (r *region) certificates() (*certificates, error) {
	shared := r.account.args.Settings.Hostname
	own, err := r.account.prove(r.ctx, r.name, r.stem, r.args.OwnName, r.labels, r.parent)
	if err != nil {
		return nil, r.failed("certificate", err)
	}
	cert, err := certificatemanager.NewCertificate(r.ctx, r.name+"-certificate", &certificatemanager.CertificateArgs{
		Name: pulumi.String(nameFor(r.stem, r.args.OwnName, shared)),
		Managed: certificatemanager.CertificateManagedArgs{
			Domains: pulumi.StringArray{pulumi.String(r.args.OwnName), pulumi.String(shared)},
			DnsAuthorizations: pulumi.StringArray{
				own.authorization.ID(), r.account.authorization.authorization.ID(),
			},
		},
		Labels: r.labels,
	}, r.parent, pulumi.DependsOn([]pulumi.Resource{own.record.Resource, r.account.authorization.record.Resource}))
	if err != nil {
		return nil, r.failed("certificate", err)
	}
	m, err := certificatemanager.NewCertificateMapResource(r.ctx, r.name+"-certificate-map", &certificatemanager.CertificateMapResourceArgs{
		Name: pulumi.String(r.stem), Labels: r.labels,
	}, r.parent)
	if err != nil {
		return nil, r.failed("certificate map", err)
	}
	out := &certificates{certificateMap: m}
	for _, e := range []struct{ kind, host string }{{"own", r.args.OwnName}, {"shared", shared}} {
		entry, err := certificatemanager.NewCertificateMapEntry(r.ctx, r.name+"-certificate-"+e.kind, &certificatemanager.CertificateMapEntryArgs{
			Name:         pulumi.String(nameFor(r.stem+"-"+e.kind, e.host)),
			Map:          m.Name,
			Hostname:     pulumi.String(e.host),
			Certificates: pulumi.StringArray{cert.ID()},
			Labels:       r.labels,
		}, r.parent)
		if err != nil {
			return nil, r.failed("certificate map entry of "+e.host, err)
		}
		out.entries = append(out.entries, entry)
	}
	return out, nil
}
