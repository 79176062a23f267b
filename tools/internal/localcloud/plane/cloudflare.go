package plane

// Balancer is one Cloudflare load balancer with all it refers to.
type Balancer struct {
	ID                  string
	Name                string // host name, lower case, no trailing dot
	Zone                string // id of the zone it is in
	Disabled            bool
	Undelegated         bool `json:",omitzero"` // nobody is led to the zone
	Proxied             bool
	TTL                 int                 // seconds of cloud time; DNS only
	Steering            string              // off, random, proximity or geo
	Pools               []Pool              // all it refers to, the default ones first
	Default             []string            // ids of pools in failover order
	Regions             map[string][]string `json:",omitzero"` // Cloudflare's region -> ids of pools, under geo
	Countries           map[string][]string `json:",omitzero"` // country -> ids of pools, under geo
	Weights             map[string]float64  `json:",omitzero"` // id of pool -> weight, under random
	Fallback            string              // id of the pool whose health does not count
	FailoverAcrossPools bool
	Headers             map[string]string `json:",omitzero"` // set on requests to origins; proxied only
	Strict              bool              `json:",omitzero"` // origins must have a valid certificate; proxied only
	Country             bool              `json:",omitzero"` // origins are told the country of the client; proxied only
}

// Pool is one Cloudflare pool.
type Pool struct {
	ID             string
	Name           string
	Disabled       bool
	MinimumOrigins int
	Origins        []Origin
	Monitor        *PoolMonitor // nil: not probed, always healthy
	Regions        []string     // regions to probe from
	Lat, Lon       float64      `json:",omitzero"` // degrees, under proximity steering
}

// Origin is one endpoint of a pool.
type Origin struct {
	Name, Address string
	Host          string // Host header and SNI; "" for the client's own
	Weight        float64
	Disabled      bool
}

// PoolMonitor is how a pool's endpoints are probed.
type PoolMonitor struct {
	Type                           string // http, https or tcp
	Method, Path                   string
	Port                           int
	ExpectedCodes                  string // 200, 2xx, or several with commas
	ExpectedBody                   string
	Headers                        map[string][]string
	Interval, Timeout, Retries     int // seconds, seconds, times
	ConsecutiveUp, ConsecutiveDown int // 0 is 1
	AllowInsecure                  bool
}
