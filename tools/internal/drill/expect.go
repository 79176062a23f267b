package drill

import (
	"fmt"
	"time"

	"polygate.example/shared/topology"
)

// Managers as a topology spells them.
const (
	byRoute53        = "route53"
	byTrafficManager = "trafficmanager"
	byCloudflare     = "cloudflare"
)

// expect computes from what is deployed how long the faults of a drill can keep clients without answers.
func expect(t topology.Topology, steps []Step, proxied bool) Expected {
	e := Expected{Lossless: true, Bound: float64(t.Bound), Why: fmt.Sprintf("detection within %d s and the TTL of %d s", t.Detect, t.TTL)}
	if proxied {
		e.Why = fmt.Sprintf("detection within %d s; clients are led nowhere else, the front steers", t.Detect)
	}
	for _, s := range steps {
		f := s.Fault
		switch f.Kind {
		case HealthFail:
			// It takes nothing from clients, and they are to be led away from it all the same.
		case ControlPlaneDown:
			if len(steps) == 1 {
				e.Why = "nothing that answers clients goes by an API"
			}
		case DNSStale:
			// What was published before it goes on being answered until it is over, and remembered for a TTL more.
			e.Bound += s.Lease.Seconds()
			e.Why += fmt.Sprintf(", after %s in which the name servers know nothing new", s.Lease)
		case CertificateExpired:
			e.Lossless = false
			if why := blindToCertificates(t.Manager); why != "" {
				e.Unnoticed, e.Bound, e.Why = true, 0, why
			}
		case ErrorRate:
			e.Lossless = false
			if f.SparesHealth {
				e.Unnoticed, e.Bound, e.Why = true, 0, "the health endpoint is well, and no manager looks at anything else"
			} else if f.Rate < 1 {
				e.Unnoticed, e.Bound, e.Why = true, 0, "a share of the probes passes, so that a check may never see as many failures in a row as it wants"
			}
		case Latency:
			if f.Delay > time.Duration(t.Check.Timeout)*time.Second {
				e.Lossless = false
			} else {
				e.Unnoticed, e.Bound, e.Why = true, 0, fmt.Sprintf("a delay of %s is within the %d s that a probe waits", f.Delay, t.Check.Timeout)
			}
		default:
			e.Lossless = false
		}
	}
	return e
}

// blindToCertificates says why a manager does not notice a certificate that has ended; "" for one that does.
//
// Route 53: "Route 53 health checkers don't validate SSL/TLS certificates" (developer guide, "How Amazon Route 53 determines whether a health
// check is healthy"). Traffic Manager: "Traffic Manager does not validate the certificate" (learn.microsoft.com, "Traffic Manager endpoint
// monitoring"). Cloudflare's monitors do unless allow_insecure is set (API reference, Load Balancer Monitors).
func blindToCertificates(manager string) string {
	switch manager {
	case byRoute53:
		return "Route 53's health checkers do not validate certificates"
	case byTrafficManager:
		return "Traffic Manager does not validate certificates when it probes"
	}
	return ""
}
