package provider

import (
	"crypto/sha256"
	"encoding/hex"

	"polygate.example/infra/settings"
)

// TopologyObject is the name of the topology in a store.
const TopologyObject = "topology.json"

// StoreDays is for how many days a store keeps what was written over: enough to see who held the lock last week.
const StoreDays = 14

// StoreStem begins the name of a stack's store at a provider: polygate-<environment>-state-<label>. The label is of the
// region that it is in (Home), so that a store elsewhere is another one, which exists before the old one goes.
func StoreStem(environment, label string) string { return PhysicalName(environment, "state-"+label) }

// StoreHash tells stores apart whose names all customers of a provider share: eight hexadecimal digits that follow from the account. Whoever
// has the stack file and credentials can name a store without Pulumi's state.
func StoreHash(stem, account string) string {
	sum := sha256.Sum256([]byte(account + "/" + stem))
	return hex.EncodeToString(sum[:4])
}

// Home is the region of a provider that a stack's store is in: of those it has, the first by name, so that another order moves nothing. It is
// the zero region if the provider has none.
func Home(s settings.Settings, provider string) (home settings.Region) {
	for _, r := range s.Regions {
		if r.Provider == provider && (home.Name == "" || r.Name < home.Name) {
			home = r
		}
	}
	return home
}
