package plane

// Balancer is one Cloudflare load balancer with all it refers to.
type Balancer struct {
	ID                  string
	Name                string // host name, lower case, no trailing dot
	Proxied             bool
	TTL                 int // seconds of cloud time; DNS only
	Steering            string
	Pools               []Pool // in the default order
	Fallback            Pool
	FailoverAcrossPools bool
	Disabled            bool
}

// Pool is one Cloudflare pool.
type Pool struct {
	ID             string
	Disabled       bool
	MinimumOrigins int
	Origins        []Origin
	Monitor        *PoolMonitor // nil: not probed, always healthy
	Regions        []string     // regions to probe from
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
	Path                           string
	Port                           int
	ExpectedCodes                  string // 2xx, 200
	Headers                        map[string][]string
	Interval, Timeout, Retries     int // seconds, seconds, times
	ConsecutiveUp, ConsecutiveDown int
	AllowInsecure, FollowRedirects bool
}
