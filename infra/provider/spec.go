package provider

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/gateway"
)

// Spec says what a provider can do. It is data: the audit compares it with the settings before anything is deployed.
type Spec struct {
	Name           string            // as in provider/region
	Regions        map[string]string // each region's label: a DNS label, unique within the provider
	Architectures  []string          // GOARCHes it runs; none when it builds the source itself
	Memory         Allowed           // MB of one function instance
	Timeout        Allowed           // seconds of one request: the smaller of the function's and the front's limit
	LogRetention   Allowed           // days; nothing set when retention is not a matter of one deployment
	WarmWithin     bool              // instances kept warm count among the most there may be, and do not come on top
	Certificate    bool              // needs a certificate that the user brings
	Boundary       bool              // has roles that go no further than a policy says, polygate:permissionsBoundary
	BillingAccount bool              // keeps budgets in a billing account, which has to be named
	Authorities    []string          // CAA names of all authorities that may issue its certificates; none where the user brings one
	MaxOwnName     int               // characters of a region's own name; 0 is what DNS has room for
	Config         []ConfigKey       // keys of the provider's own that a stack file has
	Limits         Limits            // what one request may be, for checks of documents and for planning

	// Countries says that its fronts tell the functions where a client is, if the deployment asks for it (AccountArgs.Front).
	Countries bool
	// Certificates says why the fronts would not hand on the certificates that a policy of a document goes by, nil if they do. A provider
	// without it has fronts that ask clients for none.
	Certificates func(s settings.Settings, doc gateway.Spec, policy gateway.ClientCertificate) *Objection
	// Silent names what, of all that a stack holds, does not write yet over what clients send what functions are to believe of them by a deployment,
	// and do not believe so far. nil where nothing has to be there before a function may believe it.
	Silent func(s settings.Settings, front artefact.Front, held []Held) []string

	// Check finds what else in the settings the provider cannot do, such as a reference to a secret of another form. It looks
	// at what other checks have let through, or left at its zero value. nil: nothing else.
	Check func(settings.Settings, settings.Lookup) []settings.Problem
}

// Held is a resource that a stack holds.
type Held struct {
	Type   string // as Pulumi calls it
	Name   string // the logical one
	Inputs map[string]any
}

// Allowed is a set of numbers: those of Of if there are any, else those from Least to Most. The zero value allows all.
type Allowed struct {
	Of          []int
	Least, Most int
}

// Has reports whether n is allowed.
func (a Allowed) Has(n int) bool {
	switch {
	case len(a.Of) > 0:
		return slices.Contains(a.Of, n)
	case a.Least == 0 && a.Most == 0:
		return true
	default:
		return n >= a.Least && n <= a.Most
	}
}

// String says what is allowed: "10 or 30", "1 to 10".
func (a Allowed) String() string {
	if len(a.Of) == 0 {
		return fmt.Sprintf("%d to %d", a.Least, a.Most)
	}
	names := make([]string, 0, len(a.Of))
	for _, n := range a.Of {
		names = append(names, strconv.Itoa(n))
	}
	return settings.List(names)
}

// maxOwnName is how long a region's own name may be, and in words what has that room. A name in DNS has 253 characters
// (RFC 1035, section 2.3.4), of which one label may stand before the own name to prove that it is ours.
func (s Spec) maxOwnName() (int, string) {
	if s.MaxOwnName > 0 {
		return s.MaxOwnName, s.Name + " certificates take"
	}
	return 253 - 64, "DNS has room for"
}

// RegionNames lists the provider's regions in alphabetical order.
func (s Spec) RegionNames() []string { return slices.Sorted(maps.Keys(s.Regions)) }
