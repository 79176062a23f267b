// Package conformance holds one table of requests and answers against the packed artefacts of all three providers, each
// behind its own front.
package conformance

import "fmt"

// document is the gateway document of the table.
func document(origin string) string {
	return `version: 1
upstreams:
  origin:
    targets:
      - url: ` + origin + `
    timeouts: {connect: 2s, response: 20s, idle: 20s}
  nobody:
    targets:
      - url: http://127.0.0.1:1
    timeouts: {connect: 1s}
routes:
` + passed("echo", "echo/{rest...}", "bytes/{n}", "cookies", "headers", "status/{code}", "empty", "slow/{ms}", "abort") + `  - name: edited
    match: {path: "/edited/{rest...}"}
    upstream: origin
    request:
      headers:
        set: {X-Set: by the gateway}
        remove: [X-Removed]
    response:
      headers:
        set: {X-Response: also by the gateway}
  - name: read-only
    match: {path: /read-only, methods: [GET]}
    respond: {status: 200, headers: {Content-Type: text/plain}, body: "read"}
  - name: static
    match: {path: /static}
    respond: {status: 418, headers: {Content-Type: text/plain; charset=utf-8, X-Kind: teapot}, body: "short and stout\n"}
  - name: panic
    match: {path: /fault/panic}
    fault: panic
  - name: nobody
    match: {path: /nobody}
    upstream: nobody
  - name: other-host
    match: {host: other.example.com, path: /other}
    respond: {status: 200, body: "other"}
`
}

// passed are routes that pass a path to the origin as it came.
func passed(paths ...string) string {
	out := ""
	for i, p := range paths {
		out += fmt.Sprintf("  - name: passed-%d\n    match: {path: \"/%s\"}\n    upstream: origin\n", i, p)
	}
	return out
}
