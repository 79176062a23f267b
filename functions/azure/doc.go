// Command azure is the gateway's entry point on Azure Functions: a custom handler, a process that the Functions host
// starts and to which it passes each request over loopback HTTP. host.json and gateway/function.json are the function
// app's settings and are packed with it.
//
// The host can pass requests in two ways, and each breaks something (observed on host 4.1045). This handler is written for
// enableProxyingHttpRequest, because what it breaks can be mended here and what the other breaks cannot:
//
//	                       enableForwardingHttpRequest         enableProxyingHttpRequest
//	?q=1&q=2%26            ?q=1,2%26: two values or one with   kept
//	                       a comma? lost
//	chunked upload         500 before we are called            kept
//	streamed answer        held back until whole               streamed
//	%2F in the path        kept                                %252F: mended, see path.go
//	Host                   kept                                127.0.0.1:port: mended from X-Forwarded-Host
//	X-Forwarded-For        the client's word passes            replaced by the host's peer: the front's other records
//	                                                           are used, see front.go
//
// In both the host takes a cut connection or a crash for a worker that is not up yet and sends the request again, up to
// ten times, POST too (Azure/azure-functions-host, RetryProxyHandler; azure-functions-host#10566). So every panic is
// answered here, no connection is cut, and no server timeout cuts one either.
//
// What the host keeps for itself and the gateway never sees: /admin/ and /runtime/ paths, methods that function.json does
// not list (404), and requests with more than its limit of headers (431). Its home page takes "/" unless the app setting
// AzureWebJobsDisableHomepage is true.
package main
