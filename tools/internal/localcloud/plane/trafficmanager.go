package plane

// Profile is one Azure Traffic Manager profile.
type Profile struct {
	ID        string // ARM id
	Name      string // <relative name>.trafficmanager.net, lower case, no trailing dot
	Method    string // Priority, Weighted, Performance, Geographic, MultiValue or Subnet
	TTL       int    // seconds of cloud time
	Disabled  bool
	Monitor   Monitor
	Endpoints []Endpoint
}

// Monitor is how a profile probes its endpoints.
type Monitor struct {
	Protocol  string // HTTP, HTTPS or TCP
	Port      int
	Path      string
	Interval  int               // seconds, 10 or 30
	Timeout   int               // seconds
	Tolerated int               // failures in a row that leave an endpoint online
	Headers   map[string]string // sent with each probe; Host among them
	Expected  [][2]int          // ranges of good status codes, both ends included; none: 200 only
}

// Endpoint is one target of a profile.
type Endpoint struct {
	Name         string
	Target       string // host name or address; "" for a nested profile
	Profile      string // ARM id of a nested profile
	MinChildren  int    // nested: endpoints that must be online
	Weight       int
	Priority     int
	Location     string   // Azure region, for Performance
	Geo          []string // codes of Traffic Manager's hierarchy
	Disabled     bool
	AlwaysServe  bool // not probed
	ProbeHeaders map[string]string
}
