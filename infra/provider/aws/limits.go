package aws

import "polygate.example/infra/provider"

// maxBody is the largest body that is sure to pass: an invocation and its answer are documents of at most 6 MB, in which
// a body that is no text is in base64, and 64 KiB are left for the rest of the event. Text passes up to nearly 6 MB.
// Source: "Lambda quotas", docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. An HTTP API itself takes 10 MB.
const maxBody = (6<<20 - 64<<10) / 4 * 3

var limits = provider.Limits{
	RequestBytes: maxBody, ResponseBytes: maxBody,
	// "Total combined size of request line and header values": the URL has room for what headers leave. Source: "Quotas
	// for HTTP APIs", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
	HeaderBytes: 10240, URLBytes: 10240,
	// Lambda streams to function URLs and REST APIs, and an HTTP API buffers. Source: "Response streaming for Lambda
	// functions", docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html.
	Streaming:      false,
	TimeoutSeconds: 30, // "Maximum integration timeout", same quotas
	// Both run in several zones of a region. Source: "Resilience in AWS Lambda", docs.aws.amazon.com/lambda/latest/dg/
	// security-resilience.html.
	ZoneRedundancy: provider.ZonesBuiltIn,
	// "From under 100 ms to over 1 second", in under 1 % of invocations; a Go binary on provided.al2023 is at the near end.
	// Source: "Understanding the Lambda execution environment lifecycle", Cold starts and latency,
	// docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
	ColdStartMS: [2]int{100, 1000},
	// 99.95 each. Sources: aws.amazon.com/lambda/sla and aws.amazon.com/api-gateway/sla.
	SLA: 99.90,
}
