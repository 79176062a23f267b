package localcloud

import (
	"context"
	"fmt"
	"net/netip"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/resource"
)

// Options says where the clouds listen and what their account holds before the first deployment.
type Options struct {
	Dir     string         // everything they keep; made when missing
	Speed   float64        // cloud seconds per wall second, at least 1
	DNS     netip.AddrPort // authoritative DNS
	Edge    netip.AddrPort // the way in for every name; its port is the fronts' too
	Origin  netip.AddrPort // the stand-in upstream
	Network netip.Addr     // the fronts get the loopback addresses after it
	Zones   []Zone         // DNS zones that exist already
	Vendor  bool           // run functions on the vendors' own hosts where they are on PATH
	PFX     *PFX           // certificate "brought by the user", issued here when it is missing
	Dials   string         // says in the state file what these clouds were started with, for whoever wants other ones
	Log     func(format string, args ...any)
}

// Zone is a DNS zone that someone made by hand before the first deployment.
type Zone struct {
	Name    string
	Manager string // whose servers hold it: route53, trafficmanager or cloudflare; of several of one name, clients are led to the first's
	Group   string // the Azure resource group it is in; other managers have none
	// AcceleratedRecovery says that someone has turned it on, which Route 53 has.
	AcceleratedRecovery bool
}

// seed puts the zone where someone made it by hand.
func (z Zone) seed(store *resource.Store, delegated bool) error {
	switch z.Manager {
	case "route53":
		if err := aws.SeedZone(store, z.Name); err != nil || !z.AcceleratedRecovery {
			return err
		}
		return aws.AccelerateRecovery(context.Background(), store, z.Name)
	case "trafficmanager":
		return azure.SeedZone(store, z.Name, z.Group)
	case "cloudflare":
		return cloudflare.SeedZone(store, z.Name, delegated)
	default:
		return fmt.Errorf("the local clouds hold no zones of %q", z.Manager)
	}
}
