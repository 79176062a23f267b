// Package provider is the seam to the clouds that run the gateway: what a provider can do (Spec), and how it deploys
// one region of it. Each provider is a folder below this one; the catalog lists them.
package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/health"
	"polygate.example/shared/topology"
)

// Provider is one cloud.
type Provider interface {
	// Spec says what the provider can do. It is constant.
	Spec() Spec
	// Store says where a stack keeps what has to be found without Pulumi's state. The account is what the provider calls it: the number
	// of an AWS account, a Google project, an Azure subscription. Nothing is asked.
	Store(s settings.Settings, account string) topology.Store
	// NewAccount declares what exists once per stack however many regions the provider has in it.
	NewAccount(ctx *pulumi.Context, name string, args AccountArgs, opts ...pulumi.ResourceOption) (Account, error)
}

// Account is a provider's part of one stack.
type Account interface {
	// NewRegion declares one region: identity, logs, function, front, certificate and the names the front answers
	// for. Regions of one account are declared one after the other, never at the same time.
	NewRegion(ctx *pulumi.Context, name string, args RegionArgs, opts ...pulumi.ResourceOption) (*Region, error)
	// Store says where the stack's documents are kept at this provider.
	Store() topology.Store
	// Keep declares the topology in the store.
	Keep(ctx *pulumi.Context, document pulumi.StringInput) error
}

// AccountArgs is what all regions of an account have in common.
type AccountArgs struct {
	Settings settings.Settings
	Release  string          // release id of the manifest
	Front    artefact.Front  // what the fronts have to tell of clients
	Root     string          // absolute path of the project, to which paths in the settings are relative
	Names    Names           // writes into the zone that holds the shared name
	Config   settings.Lookup // the stack's configuration, for the keys that the Spec lists
}

// RegionArgs is one region to deploy.
type RegionArgs struct {
	Region   settings.Region
	Label    string            // short name of the region, unique within the provider
	OwnName  string            // DNS name of this region alone
	Artefact artefact.Artefact // what it runs
	Package  string            // absolute path of the artefact's zip
}

// Region is one deployed region.
type Region struct {
	pulumi.ResourceState

	// Target is where the region's own name must point: a host name (CNAME) or an IPv4 address (A).
	Target pulumi.StringOutput
	// TargetType is the type of that record.
	TargetType RecordType
	// Function is by what the provider's API knows the function: an ARN, projects/…/functions/…, an ARM id.
	Function pulumi.StringOutput
	// Serving are the parts that come last: when they exist, the region answers for both its names. Who waits for the
	// component waits for less: the SDK learns of a component's children while they are being registered.
	Serving []pulumi.Resource
	// AsksClients says that by the shared name it answers nobody who shows no TLS certificate.
	AsksClients bool
}

// RecordType is a DNS record type.
type RecordType string

// The record types providers ask for.
const (
	CNAME RecordType = "CNAME"
	A     RecordType = "A"
	TXT   RecordType = "TXT"
	CAA   RecordType = "CAA" // each value in the form of a zone file: see CAAProperty
)

// Names writes plain records into the zone of the shared name. A traffic manager gives it, so that providers can
// prove that they may serve a name without knowing who runs its DNS.
type Names interface {
	Write(ctx *pulumi.Context, name string, record Record, opts ...pulumi.ResourceOption) (*Written, error)
}

// Record is one record set.
type Record struct {
	Name  pulumi.StringInput // fully qualified; a trailing dot makes no difference
	Type  pulumi.StringInput
	Value pulumi.StringInput   // a TXT value without quotes
	More  []pulumi.StringInput // further values of the same set, none for most
}

// Values are all values of the set.
func (r Record) Values() pulumi.StringArray { return append(pulumi.StringArray{r.Value}, r.More...) }

// Written is a record that exists.
type Written struct {
	Resource pulumi.Resource
	FQDN     pulumi.StringOutput // without trailing dot
}

// TypeToken is the Pulumi type of a provider's component; kind is "Account" or "Region".
func TypeToken(provider, kind string) string { return "polygate:" + provider + ":" + kind }

// OwnName is the DNS name of one region alone: <label>.<provider>.<hostname>.
func OwnName(label, provider, hostname string) string {
	return label + "." + provider + "." + hostname
}

// PhysicalName is the stem of the names of a region's resources: polygate-<environment>-<label>. It is at most 26
// characters for a label of five.
func PhysicalName(environment, label string) string { return "polygate-" + environment + "-" + label }

// Environment is what a region's function is told about itself. Of the secret that a front shows it learns the digest only,
// which is of no use to whoever reads it: the secret has too many characters to be guessed.
func Environment(account AccountArgs, region RegionArgs) map[string]string {
	env := map[string]string{}
	maps.Copy(env, account.Settings.Variables)
	maps.Copy(env, map[string]string{
		health.EnvRegion:   region.Region.String(),
		health.EnvRelease:  account.Release,
		health.EnvArtefact: region.Artefact.Digest(),
		health.EnvHosts:    account.Settings.Hostname + "," + region.OwnName,
	})
	if s := account.Settings; s.Fronted() && s.FrontSecret != "" {
		taken := []string{FrontDigest(s.FrontSecret)}
		switch s.FrontSecretBefore {
		case "":
		case settings.FrontOpen:
			taken = append(taken, health.FrontOpen)
		default:
			taken = append(taken, FrontDigest(s.FrontSecretBefore))
		}
		env[health.EnvFrontDigest] = strings.Join(taken, ",")
		if account.Front.Country {
			env[health.EnvFrontCountry] = FrontCountry
		}
	}
	return env
}

// FrontCountry is the header in which Cloudflare tells the country of the client, over what the client has sent by the name. Source: "Cloudflare
// HTTP headers", CF-IPCountry, developers.cloudflare.com/fundamentals/reference/http-headers.
const FrontCountry = "CF-IPCountry"

// FrontDigest is by what regions know what a front shows to them.
func FrontDigest(secret settings.Secret) string {
	sum := sha256.Sum256([]byte(string(secret)))
	return hex.EncodeToString(sum[:])
}

// Tags mark a resource as ours. Keys and values keep to what all three clouds take: Google's labels have the
// narrowest form, a-z, 0-9, _ and - (docs.cloud.google.com/compute/docs/labeling-resources).
func Tags(account AccountArgs, region *settings.Region) pulumi.StringMap {
	tags := pulumi.StringMap{
		"polygate-environment": pulumi.String(account.Settings.Environment),
		"managed-by":           pulumi.String("pulumi"),
	}
	if region != nil {
		tags["polygate-region"] = pulumi.String(region.Name)
	}
	return tags
}

// Replaceable exempts a resource from the protect dial, because ordinary work replaces or removes it: a release, another
// certificate, another interval of the checks, fewer warm instances, another address for alarms. The engine refuses to replace what is protected, even where the new one comes first.
func Replaceable() pulumi.ResourceOption { return pulumi.Protect(false) }
