package aws

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// certificate declares one certificate for both names of the region and waits until ACM has issued it.
func (r *region) certificate() (*acm.CertificateValidation, error) {
	shared := r.account.args.Settings.Hostname
	cert, err := acm.NewCertificate(r.ctx, r.name+"-certificate", &acm.CertificateArgs{
		Region:                  r.in,
		DomainName:              pulumi.String(r.args.OwnName),
		SubjectAlternativeNames: pulumi.StringArray{pulumi.String(shared)},
		ValidationMethod:        pulumi.String("DNS"),
		Tags:                    r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("certificate", err)
	}
	own, err := r.prove(cert, r.args.OwnName, r.name+"-validation", r.parent)
	if err != nil {
		return nil, err
	}
	if r.account.validation == nil {
		r.account.validation, err = r.prove(cert, shared, r.account.name+"-validation", pulumi.Parent(r.account))
		if err != nil {
			return nil, err
		}
	}
	valid, err := acm.NewCertificateValidation(r.ctx, r.name+"-certificate-issued", &acm.CertificateValidationArgs{
		Region:         r.in,
		CertificateArn: cert.Arn,
		// Resolved from the records themselves, so that ACM is asked only when both exist.
		ValidationRecordFqdns: pulumi.StringArray{own.FQDN, r.account.validation.FQDN},
	}, r.parent, pulumi.DependsOn([]pulumi.Resource{own.Resource, r.account.validation.Resource}))
	if err != nil {
		return nil, r.failed("certificate validation", err)
	}
	return valid, nil
}

// prove writes the record by which ACM recognises that a name is ours.
func (r *region) prove(cert *acm.Certificate, host, name string, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	part := func(pick func(acm.CertificateDomainValidationOption) *string) pulumi.StringOutput {
		return cert.DomainValidationOptions.ApplyT(func(options []acm.CertificateDomainValidationOption) (string, error) {
			for _, o := range options { // ACM gives them in no particular order
				if o.DomainName == nil || !strings.EqualFold(*o.DomainName, host) {
					continue
				}
				if v := pick(o); v != nil {
					return *v, nil
				}
			}
			return "", fmt.Errorf("the certificate of %s has no DNS validation record for %s", r.args.Region, host)
		}).(pulumi.StringOutput)
	}
	w, err := r.account.args.Names.Write(r.ctx, name, provider.Record{
		Name:  part(func(o acm.CertificateDomainValidationOption) *string { return o.ResourceRecordName }),
		Type:  part(func(o acm.CertificateDomainValidationOption) *string { return o.ResourceRecordType }),
		Value: part(func(o acm.CertificateDomainValidationOption) *string { return o.ResourceRecordValue }),
	}, opts...)
	if err != nil {
		return nil, r.failed("validation record for "+host, err)
	}
	return w, nil
}

// domain makes API Gateway know a name. trust says whose clients may call by it; nil lets everybody. The minimum of TLS 1.2 and the regional endpoint
// are what mutual TLS wants ("Configuring mutual TLS for a custom domain name", http-api-mutual-tls.html), and ACM issues the certificate itself,
// so that no other has to show whose the name is.
func (r *region) domain(kind, host string, certificate *acm.CertificateValidation, trust *apigatewayv2.DomainNameMutualTlsAuthenticationArgs, after ...pulumi.Resource) (*apigatewayv2.DomainName, error) {
	args := &apigatewayv2.DomainNameArgs{
		Region:     r.in,
		DomainName: pulumi.String(host),
		DomainNameConfiguration: apigatewayv2.DomainNameDomainNameConfigurationArgs{
			CertificateArn: certificate.CertificateArn,
			EndpointType:   pulumi.String("REGIONAL"),
			SecurityPolicy: pulumi.String("TLS_1_2"),
		},
		Tags: r.tags,
	}
	if trust != nil {
		args.MutualTlsAuthentication = trust
	}
	domain, err := apigatewayv2.NewDomainName(r.ctx, r.name+"-"+kind+"-domain", args, r.parent, pulumi.DependsOn(after))
	if err != nil {
		return nil, r.failed("domain "+host, err)
	}
	return domain, nil
}

// mapping makes the front answer for a name that API Gateway knows.
func (r *region) mapping(kind string, domain *apigatewayv2.DomainName, api *apigatewayv2.Api, stage *apigatewayv2.Stage) error {
	mapping, err := apigatewayv2.NewApiMapping(r.ctx, r.name+"-"+kind+"-mapping", &apigatewayv2.ApiMappingArgs{
		Region: r.in, ApiId: api.ID(), DomainName: domain.ID(), Stage: stage.ID(),
	}, r.parent)
	if err != nil {
		return r.failed(kind+" mapping", err)
	}
	r.serving = append(r.serving, mapping)
	return nil
}
