// Package health is the document a gateway tells about itself: the one that health checks, drills and status all read.
package health

import (
	"fmt"
	"strings"
	"time"
)

// Names of the environment variables by which the infrastructure tells a gateway instance who it is.
const (
	EnvRegion   = "POLYGATE_REGION"   // "provider/region", for example "aws/us-east-1"
	EnvRelease  = "POLYGATE_RELEASE"  // release id of the manifest the artefact came from
	EnvArtefact = "POLYGATE_ARTEFACT" // digest of the artefact, "sha256:" and 64 hex digits
	EnvHosts    = "POLYGATE_HOSTS"    // the names it answers for, separated by commas; unset on a plain server, which answers for all

	// EnvFrontDigest is set where a front of the traffic manager stands before the regions: SHA-256 of the secret that it
	// shows, 64 hex digits. Requests without the secret are refused.
	EnvFrontDigest = "POLYGATE_FRONT_DIGEST"
	// EnvFrontCountry is the header in which that front tells the country of the client. It is set only where the front writes the header
	// itself on every request that it shows its secret with, whatever the client sent.
	EnvFrontCountry = "POLYGATE_FRONT_COUNTRY"
	// EnvCountry is the header in which the region's own load balancer tells the country of the client. It is set only where the balancer
	// writes the header itself on every request, and no request comes around it.
	EnvCountry = "POLYGATE_COUNTRY"
	// HeaderEnd may stand behind what Google's load balancer tells, in that header and in the one that says whether there is a certificate: so it has
	// something to write over what a client sent where it knows nothing.
	HeaderEnd = ";"
	// FrontOpen among the digests lets requests in that show no secret, while a front is being put before the regions.
	FrontOpen = "open"

	// EnvFrontCertificate is ByHeaders where the region's front asks clients for a TLS certificate and writes what they show into headers of its
	// own, over what clients send under their names; unset where it does not. On AWS it is not needed: there the front's record is no header.
	EnvFrontCertificate = "POLYGATE_FRONT_CERTIFICATE"
	ByHeaders           = "headers"
)

// Instance says who a gateway process is. It does not change while the process lives.
type Instance struct {
	Provider string    `json:"provider"`
	Region   string    `json:"region"`   // "provider/region"
	Release  string    `json:"release"`  // release id, "dev" outside a deployment
	Artefact string    `json:"artefact"` // "sha256:<hex>", "" outside a deployment
	Model    string    `json:"model"`    // digest of the gateway model, "sha256:<hex>"
	Started  time.Time `json:"started"`  // process start, UTC
}

// Status values of a Report.
const (
	StatusOK       = "ok"
	StatusDegraded = "degraded" // some upstream has no reachable target, or some secret cannot be read
	StatusDrill    = "drill"    // it fails on purpose, for a Drill
)

// Report is the body of /health and /ready.
type Report struct {
	Status string `json:"status"`
	Instance
	Upstreams []Upstream `json:"upstreams,omitempty"` // only in /ready
	Secrets   []Secret   `json:"secrets,omitempty"`   // only in /ready: those that routes need
	Drill     *Drill     `json:"drill,omitempty"`     // only with StatusDrill: why it fails, and until when
}

// Secret says whether a secret of the stack can be read here. It holds nothing of the value, and not where the secret is.
type Secret struct {
	Name     string `json:"name"`
	Readable bool   `json:"readable"`
	Error    string `json:"error,omitempty"`
}

// Upstream is the reachability of one named upstream as seen from this instance.
type Upstream struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`
	Target    string `json:"target,omitempty"` // the target that answered, or the first tried
	Error     string `json:"error,omitempty"`
}

// FromEnvironment reads the instance's identity from its environment; getenv is os.Getenv outside tests.
// An unset region is "server/local": a plain server on someone's desk.
func FromEnvironment(getenv func(string) string, modelDigest string, started time.Time) (Instance, error) {
	region := getenv(EnvRegion)
	if region == "" {
		region = "server/local"
	}
	provider, name, ok := strings.Cut(region, "/")
	if !ok || provider == "" || name == "" {
		return Instance{}, fmt.Errorf("%s is %q: want provider/region, for example aws/us-east-1", EnvRegion, region)
	}
	release := getenv(EnvRelease)
	if release == "" {
		release = "dev"
	}
	return Instance{
		Provider: provider, Region: region, Release: release,
		Artefact: getenv(EnvArtefact), Model: modelDigest, Started: started.UTC(),
	}, nil
}
