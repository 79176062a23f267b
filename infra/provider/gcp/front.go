package gcp

import (
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/cloudfunctionsv2"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// external is the scheme of a global external application load balancer.
const external = "EXTERNAL_MANAGED"

// front declares the load balancer of this region alone, so that DNS can lead clients to it or away from it: a load
// balancer over several regions would not fail over between serverless backends by itself. It returns its address.
func (r *region) front(fn *cloudfunctionsv2.Function, certs *certificates) (*compute.GlobalAddress, error) {
	address, err := compute.NewGlobalAddress(r.ctx, r.name+"-address", &compute.GlobalAddressArgs{
		Name: pulumi.String(r.stem), AddressType: pulumi.String("EXTERNAL"), IpVersion: pulumi.String("IPV4"), Labels: r.labels,
	}, r.parent)
	if err != nil {
		return nil, r.failed("address", err)
	}
	urlMap, err := r.backend(fn)
	if err != nil {
		return nil, err
	}
	policy, err := compute.NewSSLPolicy(r.ctx, r.name+"-tls", &compute.SSLPolicyArgs{
		Name: pulumi.String(r.stem), Profile: pulumi.String("MODERN"), MinTlsVersion: pulumi.String("TLS_1_2"),
	}, r.parent)
	if err != nil {
		return nil, r.failed("TLS policy", err)
	}
	args := &compute.TargetHttpsProxyArgs{
		Name:           pulumi.String(r.stem),
		UrlMap:         urlMap.SelfLink,
		SslPolicy:      policy.SelfLink,
		CertificateMap: pulumi.Sprintf("//certificatemanager.googleapis.com/%s", certs.certificateMap.ID()),
	}
	if r.account.clients != nil {
		args.ServerTlsPolicy = r.account.clients.ID()
	}
	proxy, err := compute.NewTargetHttpsProxy(r.ctx, r.name+"-proxy", args, r.parent, pulumi.DependsOn(certs.entries))
	if err != nil {
		return nil, r.failed("HTTPS proxy", err)
	}
	rule, err := compute.NewGlobalForwardingRule(r.ctx, r.name+"-rule", &compute.GlobalForwardingRuleArgs{
		Name:                pulumi.String(r.stem),
		LoadBalancingScheme: pulumi.String(external),
		IpProtocol:          pulumi.String("TCP"),
		IpAddress:           address.Address,
		PortRange:           pulumi.String("443"),
		Target:              proxy.SelfLink,
		Labels:              r.labels,
	}, r.parent)
	if err != nil {
		return nil, r.failed("forwarding rule", err)
	}
	r.serving = append(r.serving, rule)
	return address, nil
}

// backend declares the way from the load balancer to the function. A serverless group has no health check and takes no
// timeout: the function's own holds. Source: "Serverless network endpoint groups overview", limitations,
// docs.cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts.
func (r *region) backend(fn *cloudfunctionsv2.Function) (*compute.URLMap, error) {
	neg, err := compute.NewRegionNetworkEndpointGroup(r.ctx, r.name+"-endpoints", &compute.RegionNetworkEndpointGroupArgs{
		Name:                pulumi.String(r.stem),
		Region:              r.in,
		NetworkEndpointType: pulumi.String("SERVERLESS"),
		CloudRun:            compute.RegionNetworkEndpointGroupCloudRunArgs{Service: fn.Name},
	}, r.parent)
	if err != nil {
		return nil, r.failed("endpoint group", err)
	}
	service, err := compute.NewBackendService(r.ctx, r.name+"-backend", &compute.BackendServiceArgs{
		Name:                 pulumi.String(r.stem),
		LoadBalancingScheme:  pulumi.String(external),
		Protocol:             pulumi.String("HTTPS"),
		Backends:             compute.BackendServiceBackendArray{compute.BackendServiceBackendArgs{Group: neg.SelfLink}},
		CustomRequestHeaders: pulumi.ToStringArray(told),
		LogConfig:            compute.BackendServiceLogConfigArgs{Enable: pulumi.Bool(true), SampleRate: pulumi.Float64(1)},
	}, r.parent)
	if err != nil {
		return nil, r.failed("backend service", err)
	}
	urlMap, err := compute.NewURLMap(r.ctx, r.name+"-urls", &compute.URLMapArgs{
		Name: pulumi.String(r.stem), DefaultService: service.SelfLink,
	}, r.parent)
	if err != nil {
		return nil, r.failed("URL map", err)
	}
	return urlMap, nil
}
