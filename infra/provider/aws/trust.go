package aws

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// trustObject is the name of the trust store in its bucket: "Truststores are text files with a .pem file extension" (http-api-mutual-tls.html).
const trustObject = "clients.pem"

// asksClients reports whether the shared name asks everybody for a certificate, see certificates. Cloudflare, where it stands before the regions,
// comes by their own names.
func (a *account) asksClients() bool {
	c := a.args.Front.Certificates
	return c != nil && c.Required && len(c.Anchors) > 0 && !a.args.Settings.Fronted()
}

// trust declares the authorities whose clients may call by the shared name, as API Gateway reads them: an object of a bucket in its own region,
// so that no region waits for another. It is read when the domain name is told of a version, and not again ("Updating your truststore"), with the
// right of whoever tells it ("To update the truststore, you must have permissions to access the S3 object", API reference, MutualTlsAuthentication).
// There is none where nobody is asked.
func (r *region) trust() (*apigatewayv2.DomainNameMutualTlsAuthenticationArgs, error) {
	if !r.account.asksClients() {
		return nil, nil
	}
	known := r.account.args.Front.Certificates
	stem := provider.PhysicalName(r.account.args.Settings.Environment, "trust-"+r.args.Label)
	opts := []pulumi.ResourceOption{r.parent, provider.Replaceable()}
	bucket, versions, err := private(r.ctx, bucketArgs{
		name: r.name + "-trust", physical: stem + "-" + provider.StoreHash(stem, r.account.number), in: r.in, tags: r.tags, opts: opts,
	})
	if err != nil {
		return nil, r.failed("trust store", err)
	}
	object, err := s3.NewBucketObjectv2(r.ctx, r.name+"-trust-clients", &s3.BucketObjectv2Args{
		Bucket: bucket.Bucket, Key: pulumi.String(trustObject), Region: r.in, Content: pulumi.String(strings.Join(slices.Concat(known.Anchors, known.Steps), "")),
		ContentType: pulumi.String("application/x-pem-file"), Tags: r.tags,
	}, append(opts, pulumi.DependsOn([]pulumi.Resource{versions}))...)
	if err != nil {
		return nil, r.failed("trust store", err)
	}
	return &apigatewayv2.DomainNameMutualTlsAuthenticationArgs{
		TruststoreUri: pulumi.Sprintf("s3://%s/%s", object.Bucket, object.Key), TruststoreVersion: object.VersionId,
	}, nil
}
