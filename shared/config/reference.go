package config

import "embed"

// Reference is this package's README.md and the pages of policies/: what a key means is said there, and nowhere else.
//
//go:embed README.md policies/*.md
var Reference embed.FS
