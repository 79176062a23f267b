package trafficmanager

import (
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/v3/utilities"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// profileToken is the type as azure-native registers it. Its SDK module for Traffic Manager is not used: this wrapper has the
// few properties that are needed, by the names of azure-native v3 (API version 2022-04-01).
const profileToken = "azure-native:trafficmanager:Profile"

// Endpoint types.
const (
	externalEndpoints = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
	nestedEndpoints   = "Microsoft.Network/trafficManagerProfiles/nestedEndpoints"
)

// Statuses of profiles and endpoints.
const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

// profile is a Traffic Manager profile.
type profile struct {
	pulumi.CustomResourceState

	// DNSConfig holds relativeName, ttl and fqdn.
	DNSConfig pulumi.MapOutput `pulumi:"dnsConfig"`
}

// profileArgs are a profile's inputs.
type profileArgs struct {
	Group        pulumi.StringInput // resource group
	Name         string             // 1 to 63 letters, digits, dots and dashes
	RelativeName string             // the label below trafficmanager.net, one in the world
	Method       string             // Priority, Weighted, Performance, Geographic
	TTL          int                // seconds
	Monitor      monitorArgs
	Endpoints    []endpointArgs
	Tags         pulumi.StringMap
}

// monitorArgs say how endpoints are probed: by HTTPS.
type monitorArgs struct {
	Path                         string
	Interval, Timeout, Tolerated int // seconds, seconds, failures
}

// endpointArgs are one endpoint: with a target an external one, with a child a nested one. What is zero is left out.
type endpointArgs struct {
	Name     string
	Target   string
	Child    pulumi.StringInput // id of the nested profile
	Weight   int
	Priority int
	Location string
	Geo      []string
	Disabled bool
}

// newProfile declares a profile with its endpoints inline: stand-alone Endpoint resources beside inline ones would take each
// other away (azure-native, Profile, endpoints).
func newProfile(ctx *pulumi.Context, name string, args profileArgs, opts ...pulumi.ResourceOption) (*profile, error) {
	endpoints := pulumi.Array{}
	for _, e := range args.Endpoints {
		endpoints = append(endpoints, e.inputs())
	}
	inputs := pulumi.Map{
		"resourceGroupName":    args.Group,
		"profileName":          pulumi.String(args.Name),
		"location":             pulumi.String("global"), // "all Traffic Manager profiles use global as their location" (Traffic Manager FAQ)
		"profileStatus":        pulumi.String(enabled),
		"trafficRoutingMethod": pulumi.String(args.Method),
		"dnsConfig":            pulumi.Map{"relativeName": pulumi.String(args.RelativeName), "ttl": pulumi.Int(args.TTL)},
		"monitorConfig": pulumi.Map{
			"protocol": pulumi.String("HTTPS"), "port": pulumi.Int(443), "path": pulumi.String(args.Monitor.Path),
			"intervalInSeconds": pulumi.Int(args.Monitor.Interval), "timeoutInSeconds": pulumi.Int(args.Monitor.Timeout),
			"toleratedNumberOfFailures": pulumi.Int(args.Monitor.Tolerated),
			"expectedStatusCodeRanges":  pulumi.Array{pulumi.Map{"min": pulumi.Int(200), "max": pulumi.Int(200)}},
		},
		"endpoints": endpoints,
		"tags":      args.Tags,
	}
	p := &profile{}
	if err := ctx.RegisterResource(profileToken, name, inputs, p, utilities.PkgResourceDefaultOpts(opts)...); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return p, nil
}

// inputs are what azure-native is told of an endpoint. Probes of an external one carry its own name as Host, and so as SNI:
// without the header Traffic Manager has sent none (MicrosoftDocs/azure-docs issue #28209), and the regions' fronts tell names
// apart by it.
func (e endpointArgs) inputs() pulumi.Map {
	in := pulumi.Map{"name": pulumi.String(e.Name), "endpointStatus": pulumi.String(enabled)}
	if e.Disabled {
		in["endpointStatus"] = pulumi.String(disabled)
	}
	if e.Child != nil {
		in["type"], in["targetResourceId"], in["minChildEndpoints"] = pulumi.String(nestedEndpoints), e.Child, pulumi.Int(1)
	} else {
		in["type"], in["target"] = pulumi.String(externalEndpoints), pulumi.String(e.Target)
		in["customHeaders"] = pulumi.Array{pulumi.Map{"name": pulumi.String("Host"), "value": pulumi.String(e.Target)}}
	}
	if e.Weight > 0 {
		in["weight"] = pulumi.Int(e.Weight)
	}
	if e.Priority > 0 {
		in["priority"] = pulumi.Int(e.Priority)
	}
	if e.Location != "" {
		in["endpointLocation"] = pulumi.String(e.Location)
	}
	if len(e.Geo) > 0 {
		in["geoMapping"] = pulumi.ToStringArray(e.Geo)
	}
	return in
}

// host is the profile's name in DNS.
func (p *profile) host() pulumi.StringOutput {
	return p.DNSConfig.ApplyT(func(c map[string]any) (string, error) {
		name, ok := c["fqdn"].(string)
		if !ok || name == "" {
			return "", fmt.Errorf("the profile has no name from Traffic Manager: dnsConfig is %v", c)
		}
		return name, nil
	}).(pulumi.StringOutput)
}

// endpointID is the id of an endpoint of the profile.
func (p *profile) endpointID(e endpointArgs) pulumi.StringOutput {
	return pulumi.Sprintf("%s/externalEndpoints/%s", p.ID(), e.Name)
}
