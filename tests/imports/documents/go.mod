// The OpenAPI documents that tests/imports imports are test data of these modules: pinned here, fetched by `go mod download`, and in no binary.
// No package imports them, so `go mod tidy` would empty this file. To take another version, write it here, and in go.sum what
// `go mod download -json MODULE@VERSION` tells as Sum and GoModSum.
module polygate.example/tests/imports/documents

go 1.26.0

require (
	github.com/ogen-go/ogen v1.18.0
	github.com/pb33f/libopenapi v0.22.0
)
