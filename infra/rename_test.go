package infra

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/catalog"
	"polygate.example/infra/internal/record"
)

// identities are the URNs, as far as a program decides on them, of all that belongs to a provider: type, name and parents.
func identities(rec *record.Recorder) map[string]bool {
	out := map[string]bool{}
	for _, r := range rec.All() {
		if own := r.Parent + "::" + r.Type + "::" + r.Name; strings.Contains(own, "Account") || strings.Contains(own, ":Region") {
			out[own] = true
		}
	}
	return out
}

// Names are made of a provider and a region's label, and never of a place in the list: who adds a region, or makes another one
// the primary, replaces nothing that serves. A name or a parent that must change all the same is given its old one as
// pulumi.Aliases in the program, for as long as a stack may have it.
func TestRegionsKeepTheirIdentity(t *testing.T) {
	before := []string{"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1", "azure/eastus"}
	after := slices.Clone(before)
	slices.Reverse(after)
	for _, c := range []struct {
		name    string
		regions []string
	}{
		{"in the reverse order", after},
		{"with one before them", append([]string{"aws/ap-southeast-2"}, before...)},
		{"with one behind them", append(slices.Clone(before), "gcp/europe-west1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, _ := up(t, "staging", operated(dials(before...)))
			now, _ := up(t, "staging", operated(dials(c.regions...)))
			kept := identities(now)
			all := identities(old)
			if len(all) < 60 {
				t.Fatalf("only %d resources belong to providers", len(all))
			}
			for id := range all {
				if !kept[id] {
					t.Errorf("%s would be replaced", id)
				}
			}
		})
	}
}

// A spare manager takes the main one's place, and the other way round, without a record, check or pool that is created anew:
// under another name it would be refused, because it is there already.
func TestManagersChangePlaces(t *testing.T) {
	for _, pair := range [][2]string{{"route53", "cloudflare"}, {"route53", "trafficmanager"}, {"trafficmanager", "cloudflare"}} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			all := func(manager, spare string) (urns []string) {
				config := everyDial(manager, spare, six...)
				delete(config, "polygate:route53") // routing controls have no equivalent elsewhere
				rec, _ := up(t, "staging", config)
				for _, r := range rec.All() {
					urns = append(urns, r.Parent+"::"+r.Type+"::"+r.Name)
				}
				slices.Sort(urns)
				return urns
			}
			before := all(pair[0], pair[1])
			if diff := cmp.Diff(before, all(pair[1], pair[0])); diff != "" {
				t.Errorf("what is there (-before +after):\n%s", diff)
			}
			if once := slices.Compact(slices.Clone(before)); len(once) != len(before) {
				t.Errorf("%d of %d names are taken twice", len(before)-len(once), len(before))
			}
		})
	}
}

// Under protect a stack may still be given another pattern, steering or ramp, and have a dial of operation taken away: what is not
// there for every plan of a manager is not protected, or the engine would stop in the middle of the change.
func TestProtectedStackCanChange(t *testing.T) {
	for _, m := range catalog.Managers() {
		name := m.Spec().Name
		t.Run(name, func(t *testing.T) {
			plain := dials(six...)
			plain["polygate:manager"] = name
			plain["polygate:zoneRedundant"] = "true" // is about storage, which TestProtect knows
			plain["polygate:trafficmanager"] = `{"zoneGroup":"dns"}`
			if name != "trafficmanager" {
				delete(plain, "polygate:trafficmanager")
			}
			stacks := map[string]map[string]string{"plain": plain}
			for kind, config := range everyStack(t) {
				if config["polygate:manager"] == name {
					stacks[kind] = config
				}
			}
			in, protected := map[string]int{}, map[string]bool{}
			for _, config := range stacks {
				config["polygate:protect"] = "true"
				rec, _ := up(t, "prod", config)
				for _, r := range rec.All() {
					id := r.Type + " " + r.Name
					in[id]++
					protected[id] = protected[id] || r.Protect
				}
			}
			for id, n := range in {
				if n < len(stacks) && protected[id] {
					t.Errorf("%s is in %d of %d stacks, and protected", id, n, len(stacks))
				}
			}
		})
	}
}
