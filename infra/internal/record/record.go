// Package record is test support: it runs a Pulumi program without an engine or a cloud and records what it declares.
package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Resource is one declared resource.
type Resource struct {
	Type      string
	Name      string
	Custom    bool // false for components
	Parent    string
	Protect   bool
	DependsOn []string       // URNs
	Inputs    map[string]any // plain values; secrets are their values
	Secrets   []string       // top-level inputs that are secret
	hidden    []string       // texts inside of secrets, at any depth

	DeleteBeforeReplace bool
	IgnoreChanges       []string // properties
	BeforeCreate        []string // names of hooks
	BeforeUpdate        []string // names of hooks
	OnError             []string // names of hooks
}

// Recorder stands in for engine and clouds. Every resource is created at once, and its outputs are its inputs and
// whatever the clouds would add that the program reads.
type Recorder struct {
	Accelerated bool // what the lookup of the zone says of accelerated recovery

	mu        sync.Mutex
	resources []Resource
	calls     []string
}

// Run runs the body as the program of a stack and returns its error.
func (r *Recorder) Run(stack string, config map[string]string, body pulumi.RunFunc) error {
	return pulumi.RunErr(body, pulumi.WithMocks("polygate", stack, r), func(info *pulumi.RunInfo) { info.Config = config })
}

// NewResource records a resource.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	rec := Resource{Type: args.TypeToken, Name: args.Name, Custom: args.Custom, Inputs: map[string]any{}}
	if rpc := args.RegisterRPC; rpc != nil {
		rec.Parent, rec.Protect, rec.DependsOn = rpc.GetParent(), rpc.GetProtect(), rpc.GetDependencies()
		rec.Secrets, rec.hidden = secretsOf(rpc), hiddenIn(rpc.GetObject().AsMap())
		rec.DeleteBeforeReplace = rpc.GetDeleteBeforeReplace()
		rec.BeforeCreate, rec.BeforeUpdate, rec.OnError = rpc.GetHooks().GetBeforeCreate(), rpc.GetHooks().GetBeforeUpdate(), rpc.GetHooks().GetOnError()
		rec.IgnoreChanges = rpc.GetIgnoreChanges()
	}
	for k, v := range args.Inputs {
		rec.Inputs[string(k)] = plain(v)
	}
	r.mu.Lock()
	r.resources = append(r.resources, rec)
	r.mu.Unlock()
	outputs := args.Inputs.Copy()
	maps.Copy(outputs, added(args.TypeToken, args.Name, rec.Inputs))
	return args.Name + "-id", outputs, nil
}

// Call answers the invokes there are.
func (r *Recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	r.mu.Lock()
	r.calls = append(r.calls, args.Token)
	r.mu.Unlock()
	switch args.Token {
	case "aws:route53/getZone:getZone":
		return resource.NewPropertyMapFromMap(map[string]any{"zoneId": "Z1", "id": "Z1", "name": args.Args["name"].StringValue(), "enableAcceleratedRecovery": r.Accelerated}), nil
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return resource.NewPropertyMapFromMap(map[string]any{"accountId": "123456789012", "id": "123456789012", "arn": "arn:aws:iam::123456789012:user/x", "userId": "x"}), nil
	case "gcp:organizations/getProject:getProject":
		return resource.NewPropertyMapFromMap(map[string]any{"projectId": args.Args["projectId"].StringValue(), "number": "123456789012"}), nil
	case "cloudflare:index/getZone:getZone":
		return resource.NewPropertyMapFromMap(map[string]any{"zoneId": "Z1", "id": "Z1", "type": "full", "status": "active", "account": map[string]any{"id": "A1"}}), nil
	case "azure-native:dns:getZone":
		group, name := args.Args["resourceGroupName"].StringValue(), args.Args["zoneName"].StringValue()
		return resource.NewPropertyMapFromMap(map[string]any{"id": "/" + group + "/" + name, "name": name}), nil
	}
	return nil, fmt.Errorf("unexpected invoke %s", args.Token)
}

// All lists every resource, sorted by type and name.
func (r *Recorder) All() []Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.resources)
	slices.SortFunc(out, func(a, b Resource) int {
		return strings.Compare(a.Type+" "+a.Name, b.Type+" "+b.Name)
	})
	return out
}

// Of lists the resources of a type.
func (r *Recorder) Of(token string) []Resource {
	return slices.DeleteFunc(r.All(), func(x Resource) bool { return x.Type != token })
}

// Find returns the resource of a name; false if there is none.
func (r *Recorder) Find(name string) (Resource, bool) {
	for _, x := range r.All() {
		if x.Name == name && x.Custom {
			return x, true
		}
	}
	return Resource{}, false
}

// Calls lists the tokens of all invokes.
func (r *Recorder) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// added are the outputs a cloud adds to what was put in.
func added(token, name string, in map[string]any) resource.PropertyMap {
	out := map[string]any{"arn": "arn:test:" + name, "selfLink": "https://test/" + name}
	switch token {
	case "aws:route53recoverycontrol/cluster:Cluster":
		out["clusterEndpoints"] = []any{map[string]any{"region": "us-east-1", "endpoint": "https://one.test"}, map[string]any{"region": "eu-west-1", "endpoint": "https://two.test"}}
	case "aws:acm/certificate:Certificate":
		out["domainValidationOptions"] = validation(in)
	case "aws:apigatewayv2/api:Api":
		out["executionArn"] = "arn:test:execute-api:" + name
	case "aws:apigatewayv2/domainName:DomainName":
		out["domainNameConfiguration"] = map[string]any{
			"certificateArn": "c", "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2",
			"targetDomainName": "d-" + name + ".execute-api.test",
		}
	case "aws:lambda/function:Function":
		out["invokeArn"], out["version"] = "arn:test:invoke:"+name, "7"
	case "aws:lambda/alias:Alias":
		out["invokeArn"] = "arn:test:invoke:" + name
	case "aws:s3/bucketObjectv2:BucketObjectv2":
		out["versionId"] = "version of " + name
	case "aws:sns/topic:Topic":
		out["owner"] = "123456789012"
	case "gcp:artifactregistry/repository:Repository":
		out["name"] = in["repositoryId"]
	case "gcp:certificatemanager/dnsAuthorization:DnsAuthorization":
		out["dnsResourceRecords"] = []any{map[string]any{
			"name": "_acme-challenge_x." + in["domain"].(string) + ".", "type": "CNAME", "data": "auth.test.",
		}}
	case "gcp:compute/globalAddress:GlobalAddress":
		out["address"] = "192.0.2.1"
	case "gcp:monitoring/notificationChannel:NotificationChannel":
		out["name"] = "projects/test/notificationChannels/" + name
	case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
		out["uptimeCheckId"] = name + "-check"
	case "gcp:storage/bucket:Bucket":
		out["projectNumber"] = 123456789012
	case "gcp:serviceaccount/account:Account":
		out["email"] = in["accountId"].(string) + "@test.iam"
		out["name"] = "projects/test/serviceAccounts/" + in["accountId"].(string) + "@test.iam"
	default:
		addAzure(out, token, name, in)
	}
	return resource.NewPropertyMapFromMap(out)
}

func addAzure(out map[string]any, token, name string, in map[string]any) {
	for key, property := range map[string]string{
		"azure-native:resources:ResourceGroup": "resourceGroupName", "azure-native:storage:StorageAccount": "accountName",
		"azure-native:storage:BlobContainer": "containerName", "azure-native:storage:Blob": "blobName",
	} {
		if token == key {
			out["name"] = in[property]
		}
	}
	switch token {
	case "azure-native:trafficmanager:Profile":
		if c, ok := in["dnsConfig"].(map[string]any); ok {
			out["dnsConfig"] = map[string]any{"relativeName": c["relativeName"], "ttl": c["ttl"], "fqdn": c["relativeName"].(string) + ".trafficmanager.net"}
		}
	case "azure-native:storage:StorageAccount":
		out["primaryEndpoints"] = map[string]any{"blob": "https://" + in["accountName"].(string) + ".blob.test/"}
	case "azure-native:storage:Blob":
		out["url"] = "https://blob.test/packages/" + in["blobName"].(string)
	case "azure-native:web:WebApp":
		out["defaultHostName"] = in["name"].(string) + ".azurewebsites.test"
		out["customDomainVerificationId"] = "verification"
	case "azure-native:web:SiteCertificate":
		out["thumbprint"] = "THUMB"
	case "azure-native:managedidentity:UserAssignedIdentity":
		out["principalId"], out["clientId"] = "principal", "client"
	case "azure-native:applicationinsights:Component":
		out["connectionString"] = "InstrumentationKey=" + name
	}
}

// validation is in the reverse of the order asked for: ACM promises none.
func validation(in map[string]any) []any {
	names := []any{in["domainName"]}
	if more, ok := in["subjectAlternativeNames"].([]any); ok {
		names = append(names, more...)
	}
	var out []any
	for _, n := range slices.Backward(names) {
		out = append(out, map[string]any{
			"domainName": n, "resourceRecordName": "_proof." + n.(string) + ".", "resourceRecordType": "CNAME",
			"resourceRecordValue": "_answer.acm.test.",
		})
	}
	return out
}

// secretSignature marks a secret value on the wire (pulumi/sdk, resource.SecretSig).
const secretSignature = "1b47061264138c4ac30d75fd1eb44270"

func secretsOf(rpc *pulumirpc.RegisterResourceRequest) []string {
	var out []string
	for k, v := range rpc.GetObject().GetFields() {
		for _, f := range v.GetStructValue().GetFields() {
			if f.GetStringValue() == secretSignature {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

// hiddenIn lists the texts inside of secret values, at any depth.
func hiddenIn(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		if v[resource.SigKey] == secretSignature {
			return textsIn(v["value"])
		}
		for _, e := range v {
			out = append(out, hiddenIn(e)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, hiddenIn(e)...)
		}
	}
	return out
}

func textsIn(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case map[string]any:
		for _, e := range v {
			out = append(out, textsIn(e)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, textsIn(e)...)
		}
	}
	return out
}

// HasSecret reports whether the named resource has a text among its inputs, and only inside of secrets.
func (r *Recorder) HasSecret(name, text string) bool {
	x, ok := r.Find(name)
	all := slices.DeleteFunc(textsIn(x.Inputs), func(s string) bool { return s != text })
	hidden := slices.DeleteFunc(slices.Clone(x.hidden), func(s string) bool { return s != text })
	return ok && len(all) > 0 && len(all) == len(hidden)
}

// plain turns a property into plain values; assets and archives become their paths.
func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return plain(v.SecretValue().Element)
	case v.IsOutput():
		return plain(v.OutputValue().Element)
	case v.IsAsset():
		return v.AssetValue().Path
	case v.IsArchive():
		return v.ArchiveValue().Path
	case v.IsArray():
		out := []any{}
		for _, e := range v.ArrayValue() {
			out = append(out, plain(e))
		}
		return out
	case v.IsObject():
		out := map[string]any{}
		for k, e := range v.ObjectValue() {
			out[string(k)] = plain(e)
		}
		return out
	default:
		return v.V
	}
}

var _ pulumi.MockResourceMonitor = (*Recorder)(nil)
