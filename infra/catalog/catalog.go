// Package catalog is the one list of the providers and traffic managers there are. Adding one is a folder and a line
// here; a test fails when a folder has no line.
package catalog

import (
	"polygate.example/infra/failover"
	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/failover/route53"
	"polygate.example/infra/failover/trafficmanager"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/aws"
	"polygate.example/infra/provider/azure"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
)

// Providers lists the clouds that can run the gateway.
func Providers() []provider.Provider {
	return []provider.Provider{
		aws.Provider{},
		gcp.Provider{},
		azure.Provider{},
	}
}

// Managers lists the traffic managers that can steer to them.
func Managers() []failover.Manager {
	return []failover.Manager{
		route53.Manager{},
		trafficmanager.Manager{},
		cloudflare.Manager{},
	}
}

// Provider finds a provider by name.
func Provider(name string) (provider.Provider, bool) {
	for _, p := range Providers() {
		if p.Spec().Name == name {
			return p, true
		}
	}
	return nil, false
}

// Manager finds a traffic manager by name.
func Manager(name string) (failover.Manager, bool) {
	for _, m := range Managers() {
		if m.Spec().Name == name {
			return m, true
		}
	}
	return nil, false
}

// Specs lists what each provider can do, in the order of Providers.
func Specs() []provider.Spec {
	var specs []provider.Spec
	for _, p := range Providers() {
		specs = append(specs, p.Spec())
	}
	return specs
}

// Idle finds dials that are valid and have no effect.
func Idle() []settings.Rule { return []settings.Rule{provider.Idle(Specs()), failover.Idle} }

// Rules are the checks of settings against every provider and manager: unknown names and dials they cannot turn.
func Rules() []settings.Rule {
	return []settings.Rule{provider.Audit(Specs()), failover.Audit(Managers())}
}
