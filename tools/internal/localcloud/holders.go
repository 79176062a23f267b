package localcloud

import (
	"maps"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/resource"
)

// holders answer from the zones of each traffic manager, by its name.
func holders() map[string]resource.DNS {
	return map[string]resource.DNS{"route53": aws.DNS{}, "trafficmanager": azure.DNS{}, "cloudflare": cloudflare.DNS{}}
}

// world answers from the zones among the records as the world sees them: of the zones of one name, at several managers, only
// from that which is delegated.
type world struct {
	zones     []Zone
	holders   map[string]resource.DNS                     // by manager
	delegated func(zone string, managers []string) string // the manager of these that a zone is delegated to
}

// of lists who is asked for a name: the manager that the name's zone is delegated to, or all where it is in none of the zones.
func (w world) of(name string) []resource.DNS {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	zone, managers := "", []string{}
	for _, z := range w.zones {
		its := strings.ToLower(strings.TrimSuffix(z.Name, "."))
		switch {
		case name != its && !strings.HasSuffix(name, "."+its):
		case its == zone:
			managers = append(managers, z.Manager)
		case len(its) > len(zone):
			zone, managers = its, []string{z.Manager}
		}
	}
	if zone != "" {
		if h, ok := w.holders[w.delegated(zone, managers)]; ok {
			return []resource.DNS{h}
		}
	}
	var all []resource.DNS
	for _, manager := range slices.Sorted(maps.Keys(w.holders)) {
		all = append(all, w.holders[manager])
	}
	return all
}

// TXT returns the values at a name, each as one string.
func (w world) TXT(v resource.View, name string) []string {
	var out []string
	for _, h := range w.of(name) {
		out = append(out, h.TXT(v, name)...)
	}
	return out
}

// CNAME returns the target at a name, "" when there is none.
func (w world) CNAME(v resource.View, name string) string {
	for _, h := range w.of(name) {
		if target := h.CNAME(v, name); target != "" {
			return target
		}
	}
	return ""
}

// CAA returns the CAA values at a name.
func (w world) CAA(v resource.View, name string) []string {
	var out []string
	for _, h := range w.of(name) {
		out = append(out, h.CAA(v, name)...)
	}
	return out
}

var _ resource.DNS = world{}
