package pack

import (
	"debug/buildinfo"
	"fmt"
	"slices"
	"strings"
)

// forbidden are the modules no gateway may carry, by path prefix, with why. They manage clouds: in a function they are
// megabytes of start-up time and a reason to grant it rights it does not need.
var forbidden = []struct{ prefix, why string }{
	{"github.com/pulumi/", "Pulumi"},
	{"github.com/aws/aws-sdk-go", "an AWS SDK"}, // v1 and v2, and all their modules
	{"github.com/aws/smithy-go", "an AWS SDK"},
	{"github.com/Azure/", "an Azure SDK"},
	{"github.com/AzureAD/", "an Azure SDK"},
	{"cloud.google.com/go", "a Google Cloud SDK"},
	{"google.golang.org/api", "a Google Cloud SDK"},
	{"google.golang.org/genproto", "a Google Cloud SDK"},
	{"google.golang.org/grpc", "the transport of provider SDKs"},
	{"github.com/cloudflare/cloudflare-go", "a Cloudflare SDK"},
}

// A ForbiddenError says that an artefact would carry what no gateway may.
type ForbiddenError struct {
	Module string   // the module that must not be there
	Kind   string   // what it is: "Pulumi", "an AWS SDK"
	Chain  []string // import paths from the function to the module's package, if known
	Binary string   // path of the binary it was found in, "" if found in source
}

// Error names the module and who imports it.
func (e *ForbiddenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused: it links %s (%s), and a gateway must not", e.Module, e.Kind)
	if n := len(e.Chain); n > 1 {
		fmt.Fprintf(&b, "; %s imports it (%s): remove that import", e.Chain[n-2], strings.Join(e.Chain, " -> "))
	}
	if e.Binary != "" {
		fmt.Fprintf(&b, "; found in %s, `go version -m` lists what it links", e.Binary)
	}
	return b.String()
}

// kind is why a module is forbidden, "" if it is not.
func kind(module string) string {
	for _, f := range forbidden {
		rest, ok := strings.CutPrefix(module, f.prefix)
		if ok && (rest == "" || strings.HasSuffix(f.prefix, "/") || rest[0] == '/' || rest[0] == '-') {
			return f.why
		}
	}
	return ""
}

// CheckBinary reads the modules a Go binary was linked from and refuses it, with a *ForbiddenError, if one of them
// manages clouds. Another error means that the file is no Go binary, or one without that record: refused as well, since
// nothing can be said about it.
func CheckBinary(path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("what %s links cannot be told: %w", path, err)
	}
	for _, d := range info.Deps {
		if k := kind(d.Path); k != "" {
			return &ForbiddenError{Module: d.Path, Kind: k, Binary: path}
		}
	}
	return nil
}

// checkPackages refuses packages, as listed with all they import, if one is of a module that manages clouds. Packages in
// allowed, by import path, are let through: what a runtime's own shim needs. The error tells the shortest way to such a
// package, which is the import that somebody wrote; what that imports in turn is of no interest.
func checkPackages(pkgs []pkg, allowed []string) error {
	var found *ForbiddenError
	for _, p := range pkgs {
		if p.Module == nil || slices.Contains(allowed, p.ImportPath) {
			continue
		}
		k := kind(p.Module.Path)
		if k == "" {
			continue
		}
		if way := chain(pkgs, p.ImportPath); found == nil || len(way) < len(found.Chain) {
			found = &ForbiddenError{Module: p.Module.Path, Kind: k, Chain: way}
		}
	}
	if found == nil {
		return nil
	}
	return found
}

// chain is a shortest way of imports from a package that was asked for to the one that is reached.
func chain(pkgs []pkg, to string) []string {
	by := make(map[string]pkg, len(pkgs))
	from := map[string]string{}
	var queue []string
	for _, p := range pkgs {
		by[p.ImportPath] = p
		if !p.DepOnly {
			queue = append(queue, p.ImportPath)
			from[p.ImportPath] = ""
		}
	}
	for len(queue) > 0 && queue[0] != to {
		at := queue[0]
		queue = queue[1:]
		for _, next := range by[at].Imports {
			if _, seen := from[next]; !seen {
				from[next] = at
				queue = append(queue, next)
			}
		}
	}
	way := []string{to}
	for at := from[to]; at != ""; at = from[at] {
		way = append(way, at)
	}
	slices.Reverse(way)
	return way
}

var _ error = (*ForbiddenError)(nil)
