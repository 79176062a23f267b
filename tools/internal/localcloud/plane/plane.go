// Package plane is the hand-off inside the local clouds: the control plane (resources) derives a World, the data
// plane (runtimes, fronts, DNS, health checkers) serves it. Nothing in the data plane knows a resource type.
package plane

import (
	"fmt"
	"net/netip"
	"time"
)

// World is everything the data plane must serve. It is derived anew from all resources after each change; the
// parts of the data plane compare it with what they serve and change only what differs.
type World struct {
	Functions []Function
	Sites     []Site
	Zones     []Zone
	Checks    []HealthCheck
	Profiles  []Profile  `json:",omitzero"` // Azure Traffic Manager
	Balancers []Balancer `json:",omitzero"` // Cloudflare load balancers
	Tests     []WebTest  `json:",omitzero"` // of Azure's Application Insights
}

// Runtime names the contract a function's artefact is executed under.
type Runtime string

// The runtimes of the three providers.
const (
	Lambda         Runtime = "lambda"         // AWS: bootstrap under the Lambda Runtime API
	CloudFunction  Runtime = "cloudfunction"  // Google: source built and served as the Go buildpack does
	AzureFunctions Runtime = "azurefunctions" // Azure: custom handler under the Functions host
)

// Function is one deployed function: an artefact and how to run it.
type Function struct {
	ID           string // the provider's own id (ARN, resource name, ARM id), unique
	Region       string // provider/region
	Runtime      Runtime
	Package      string // path of the zip in the local clouds' own storage
	Digest       string // SHA-256 of the zip, hex
	Entry        string // Lambda: handler setting; Cloud Functions: entry point; Azure: ""
	Architecture string // amd64 or arm64
	Environment  map[string]string
	// Fetched are those variables of Environment whose values come from a secret store when an instance starts, with the reference
	// that each is fetched by: a new value is for new instances, and ends none (Cloud Run).
	Fetched map[string]string `json:",omitzero"`
	// Unfetched says why one of them cannot be fetched now: no instance starts then. "" when all can.
	Unfetched string        `json:",omitzero"`
	Memory    int           // MB
	Timeout   time.Duration // of one request, in wall time: code is not sped up
	Instances int           // most processes at once; 0: the runtime's default; below 0: none, everything is throttled
	Version   string        `json:",omitzero"` // Lambda: the published version that runs; "" for the newest code
	Warm      int           `json:",omitzero"` // processes that are up though nobody calls
	// Secrets are those that the function may read of the extension beside it, by ARN; nil without the extension (Lambda). They
	// are read while it runs: a new value, or the loss of the right to read one, ends no instance.
	Secrets     map[string]Secret `json:",omitzero"`
	Concurrency int               // most requests a process takes at once, where the runtime has such a limit; 0: its default
}

// Secret is what a function that may read it finds in its provider's secret store.
type Secret struct {
	Version int    // from 1; 0 when there is no such secret
	Value   string `json:"-"`
}

// String never shows the value.
func (s Secret) String() string { return fmt.Sprintf("version %d", s.Version) }

// GoString is String: %#v shows no value either.
func (s Secret) GoString() string { return s.String() }

// Front names the HTTP front of a provider.
type Front string

// The fronts there are.
const (
	APIGateway Front = "apigateway" // AWS API Gateway HTTP API, payload format 2.0
	GoogleALB  Front = "googlealb"  // Google global external ALB before a serverless NEG
	RunApp     Front = "runapp"     // Google's default URL of a service
	AzureApp   Front = "azureapp"   // Azure App Service front end before the Functions host
	Cloudflare Front = "cloudflare" // Cloudflare's proxy before the origins of a load balancer
)

// Site is one virtual host on a provider's front.
type Site struct {
	ID          string // unique
	Region      string // provider/region whose faults it shares
	Front       Front
	Listen      netip.AddrPort // where its TLS front listens
	Hosts       []Host
	Function    string        // id of the function behind it, "" when nothing is wired: the front then answers as the real one does
	InvokeError bool          // the front may not invoke the function (missing permission)
	TLS13       bool          // the front wants TLS 1.3; else 1.2 will do
	HTTP2       bool          // App Service: the front speaks HTTP/2 as well; the other fronts always do
	Timeout     time.Duration // how long the front waits for the function, in wall time; 0: the front's own limit
	Headers     []Header      `json:",omitzero"` // set on requests to the function
	Clients     *Clients      `json:",omitzero"` // nil: clients are asked for no certificate
}

// Host is one name a site answers for, with the certificate it shows for it. A host without a certificate cannot be
// reached over TLS.
type Host struct {
	Name string
	Cert []byte // PEM chain, leaf first
	Key  []byte // PEM
	// Clients are the authorities whose clients alone it answers, PEM; none answers everybody (API Gateway).
	Clients []byte `json:",omitempty"`
}

// Zone is one hosted zone and its records.
type Zone struct {
	ID          string
	Name        string // without trailing dot
	Manager     string `json:",omitzero"` // whose servers answer for it: route53, trafficmanager (Azure DNS) or cloudflare; "" for a provider's own names
	Undelegated bool   `json:",omitzero"` // nobody is led to it: the zone above names other servers
	Records     []Record
}

// Record is one resource record set, in Route 53's model.
type Record struct {
	Name          string // fully qualified, without trailing dot, lower case
	Type          string // A, AAAA, CNAME, TXT, CAA, NS, SOA
	TTL           int    // seconds of cloud time; 0 for an alias
	Values        []string
	Alias         *Alias
	SetIdentifier string
	Failover      string // "", "PRIMARY" or "SECONDARY"
	Weight        *int   `json:",omitzero"` // 0..255; nil for another policy
	Latency       string `json:",omitzero"` // AWS region; "" for another policy
	Geo           *Geo   `json:",omitzero"` // nil for another policy
	HealthCheck   string // id, "" for none
}

// Geo is the place a geolocation record is for; one of its fields is set, and the country with a subdivision.
type Geo struct {
	Continent   string // AF, AN, AS, EU, NA, OC, SA
	Country     string // ISO 3166-1 alpha-2, or * for everybody whom no other record is for
	Subdivision string // of the country
}

// Alias points a record at another record of a zone.
type Alias struct {
	Name                 string
	ZoneID               string
	EvaluateTargetHealth bool
}

// HealthCheck is one Route 53 health check.
type HealthCheck struct {
	ID           string
	Type         string // HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP, CALCULATED, RECOVERY_CONTROL
	FQDN         string
	IP           string
	Port         int
	Path         string
	SearchString string
	Interval     int // seconds, 10 or 30
	Threshold    int // 1..10
	Inverted     bool
	Disabled     bool
	SNI          bool
	Locations    []string // checker regions; empty means all
	Children     []string `json:",omitzero"` // CALCULATED: ids of the checks it counts
	Healthy      int      `json:",omitzero"` // CALCULATED: how many of them must be healthy
	On           bool     `json:",omitzero"` // RECOVERY_CONTROL: the state of its routing control
}
