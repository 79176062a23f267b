package azure

import "polygate.example/infra/provider"

var limits = provider.Limits{
	// "Max request size (MB): 210", which the host reads as 210,000,000. Responses pass through the host unbuffered and
	// have no documented limit; the same is taken. Source: "Service limits", learn.microsoft.com/azure/azure-functions/
	// functions-scale#service-limits.
	RequestBytes: 210_000_000, ResponseBytes: 210_000_000,
	HeaderBytes: 32 << 10, // Kestrel's default in the host (MaxRequestHeadersTotalSize); observed: 40 KB is answered 431
	URLBytes:    8192,     // "Max request URL length", same page; of it at most 4096 for the query
	Streaming:   true,     // of a custom handler whose requests are proxied; observed on the host
	// The front end's idle timeout. Source: "Function app timeout duration", same page.
	TimeoutSeconds: 230,
	// With at least two always-ready instances. Source: "Reliability in Azure Functions", learn.microsoft.com/azure/
	// reliability/reliability-functions.
	ZoneRedundancy: provider.ZonesOnRequest,
	// Microsoft states no figure for Flex Consumption. Ours: the host starts before the custom handler does, from
	// published measurements; guidance only.
	ColdStartMS: [2]int{1000, 5000},
	// The host answers for /admin before any function does, also where a route takes every path (Azure/azure-functions-host,
	// pull request #6993), and keeps /runtime for webhooks of its extensions (#3460).
	Reserved: []provider.Reserved{{Path: "/admin", Below: true}, {Path: "/runtime", Below: true, Some: true}},
	SLA:      99.95, // of the functions, front end included. Source: azure.microsoft.com/support/legal/sla, Azure Functions
}
