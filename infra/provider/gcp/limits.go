package gcp

import "polygate.example/infra/provider"

var limits = provider.Limits{
	// Source: "Quotas", docs.cloud.google.com/run/quotas: a request over HTTP/1 has at most 32 MiB; a response that is
	// streamed has no limit on Cloud Run, and 10 MB as a function. Source: docs.cloud.google.com/functions/quotas, "Max
	// uncompressed HTTP response size (2nd gen): 10MB for streaming responses, 32MB for non-streaming".
	RequestBytes: 32 << 20, ResponseBytes: 10 << 20,
	// "The combined size of the request URL and request headers": 64 KB. Source: "Quotas and limits", HTTP headers,
	// docs.cloud.google.com/load-balancing/docs/quotas.
	HeaderBytes: 64 << 10, URLBytes: 64 << 10,
	Streaming:      true,
	TimeoutSeconds: 3600, // docs.cloud.google.com/functions/quotas; a balancer before serverless backends waits 60 minutes too
	// Cloud Run is regional and the balancer global. Source: "Architecture overview", docs.cloud.google.com/run/docs/
	// architecture: "automatically replicated across multiple zones".
	ZoneRedundancy: provider.ZonesBuiltIn,
	// Google states no figure ("General development tips", Start containers quickly). Ours: a Go container of the
	// buildpack, from published measurements; guidance only.
	ColdStartMS: [2]int{300, 2000},
	// Source: "Known issues in Cloud Run", Reserved URL paths ("some paths ending with z. To prevent conflicts with reserved
	// paths, we recommend avoiding all paths that end in z") and HTTP methods TRACE and CONNECT, cloud.google.com/run/docs/issues.
	Reserved: []provider.Reserved{{Path: "/eventlog"}, {Path: "/_ah", Below: true}, {Path: "z", Ending: true, Some: true}},
	Methods:  []string{"TRACE"},
	// 99.95 of Cloud Run by 99.99 of the balancer. Sources: cloud.google.com/run/sla, cloud.google.com/load-balancing/sla.
	SLA: 99.94,
}
