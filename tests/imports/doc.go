// Package imports imports OpenAPI documents that real APIs have, by the polygate command alone, and serves what comes of them.
//
// The documents are not in this repository: documents/go.mod pins public modules that have them among their test data, documents/go.sum their digests,
// and `go mod download` fetches them. Without them the tests fail.
package imports
