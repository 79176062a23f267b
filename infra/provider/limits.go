package provider

import "strings"

// Limits is what a region's front and function take of one request, and what they promise. All sizes are in bytes, and
// each is the smaller of the front's limit and the function's: what is within it passes whatever it holds.
type Limits struct {
	RequestBytes   int        // body of a request
	ResponseBytes  int        // body of a response
	HeaderBytes    int        // request line and headers together
	URLBytes       int        // path and query
	Streaming      bool       // a response reaches the client while it is being written
	TimeoutSeconds int        // the longest a request may take, whatever the dial
	ZoneRedundancy string     // one of the Zone constants: how the loss of a zone is survived
	ColdStartMS    [2]int     // milliseconds that the first request of a new instance waits longer, from usual to bad: guidance, no promise
	Reserved       []Reserved // paths of its own
	Methods        []string   // that never reach a function
	SLA            float64    // per cent of a month that front and function of one region are promised to be there, multiplied
}

// How a provider survives the loss of an availability zone.
const (
	ZonesBuiltIn   = "built in"   // always, at no charge
	ZonesOnRequest = "on request" // with polygate:zoneRedundant
	ZonesNone      = "none"
)

// Reserved are paths that the provider keeps for itself: a route to one of them is never reached.
type Reserved struct {
	Path   string // "/admin"; with Ending, how the last segment ends
	Below  bool   // all paths below it as well
	Ending bool   // any path that ends so
	Some   bool   // not all of them are kept, and which ones is not documented
}

// holds reports whether a path, decoded and without parameters, is among them.
func (r Reserved) holds(path string) bool {
	if r.Ending {
		return strings.HasSuffix(path, r.Path)
	}
	return strings.EqualFold(path, r.Path) || r.Below && len(path) > len(r.Path) && path[len(r.Path)] == '/' && strings.EqualFold(path[:len(r.Path)], r.Path)
}
