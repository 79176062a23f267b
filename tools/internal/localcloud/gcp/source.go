package gcp

import (
	"archive/zip"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	goversion "go/version"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// framework is the package the buildpack's generated main imports.
const framework = "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

// maxGoFile bounds what is read of one file of a source archive: far above any file a person wrote.
const maxGoFile = 8 << 20

// builder is the Go toolchain behind one runtime id.
type builder struct {
	runtime   string // "go126"
	toolchain string // what the machine that builds really runs, "go1.26.8"
}

// minor is the language version of the runtime id: "go126" is "go1.26".
func (b builder) minor() string {
	digits := strings.TrimPrefix(b.runtime, "go")
	return "go" + digits[:1] + "." + digits[1:]
}

// errBuild marks what the buildpack, and not the Cloud Functions API, refuses.
var errBuild = errors.New("build failed")

// checkSource applies the static rules of Google's Go buildpack to a source archive, so that a function whose build
// must fail is refused when it is created, as a real deployment is. The build itself is the data plane's.
//
// Source of the rules: GoogleCloudPlatform/buildpacks, cmd/go/functions_framework (lib.go, converter/get_package).
func checkSource(archive string, b builder) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%w: the source archive is not a zip: %w", errBuild, err)
	}
	defer func() { _ = z.Close() }() // it was only read
	return b.check(&z.Reader)
}

func (b builder) check(z *zip.Reader) error {
	root := map[string]*zip.File{}
	var vendored, vendorsFramework bool
	for _, f := range z.File {
		name := path.Clean(f.Name)
		if !strings.Contains(name, "/") {
			root[name] = f
		}
		vendored = vendored || strings.HasPrefix(name, "vendor/")
		vendorsFramework = vendorsFramework || strings.HasPrefix(name, "vendor/"+framework+"/")
	}
	if err := checkPackages(root); err != nil {
		return err
	}
	mod, ok := root["go.mod"]
	if !ok {
		return fmt.Errorf("%w: function build requires go.mod file at the root of the source archive", errBuild)
	}
	if err := b.checkModule(mod); err != nil {
		return err
	}
	if vendored && !vendorsFramework {
		return fmt.Errorf("%w: vendored dependencies must include %q; if your function does not depend on the module, please add a blank import: `_ %q`",
			errBuild, path.Dir(framework), framework)
	}
	return nil
}

// checkPackages wants exactly one importable package at the root. Test files count as a package of their own.
func checkPackages(root map[string]*zip.File) error {
	packages := map[string]bool{}
	for name, f := range root {
		if path.Ext(name) != ".go" {
			continue
		}
		src, err := read(f)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly)
		if err != nil {
			return fmt.Errorf("%w: error extracting package name: %w", errBuild, err)
		}
		pkg := file.Name.Name
		if strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(pkg, "_test") {
			pkg += "_test"
		}
		packages[pkg] = true
	}
	names := make([]string, 0, len(packages))
	for p := range packages {
		names = append(names, p)
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return fmt.Errorf("%w: error extracting package name: unable to find Go package in user code directory", errBuild)
	case len(names) > 1:
		return fmt.Errorf("%w: error extracting package name: multiple packages in user code directory: %s", errBuild, strings.Join(names, ", "))
	case names[0] == "main":
		return fmt.Errorf("%w: the function's package is %q: a program, not an importable package", errBuild, "main")
	}
	return nil
}

// checkModule checks the module path and the go line. A patch release newer than the builder's own fails: the
// builder does not fetch another toolchain.
func (b builder) checkModule(f *zip.File) error {
	text, err := read(f)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errBuild, err)
	}
	if mod.Module == nil {
		return fmt.Errorf("%w: go: no module declaration in go.mod", errBuild)
	}
	first, _, _ := strings.Cut(mod.Module.Mod.Path, "/")
	if !strings.Contains(first, ".") {
		return fmt.Errorf("%w: the module path in the function's go.mod must contain a dot in the first path element before a slash, e.g. example.com/module, found: %s",
			errBuild, mod.Module.Mod.Path)
	}
	if mod.Go == nil {
		return nil
	}
	wants := "go" + mod.Go.Version
	runs := b.toolchain
	if goversion.Compare(goversion.Lang(runs), b.minor()) > 0 {
		runs = b.minor() // the runtime named is older than this machine's Go: its language version is the limit
	}
	tooNew := goversion.Compare(goversion.Lang(wants), b.minor()) > 0
	if goversion.Lang(wants) == goversion.Lang(b.toolchain) {
		tooNew = tooNew || goversion.Compare(wants, b.toolchain) > 0
	}
	if tooNew {
		return fmt.Errorf("%w: go: go.mod requires go >= %s (running %s; GOTOOLCHAIN=local): write %q",
			errBuild, mod.Go.Version, strings.Replace(runs, "go", "go ", 1), "go "+strings.TrimPrefix(b.minor(), "go")+".0")
	}
	return nil
}

func read(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s in the source archive: %w", errBuild, f.Name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxGoFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s in the source archive: %w", errBuild, f.Name, err)
	}
	if len(b) > maxGoFile {
		return nil, fmt.Errorf("%w: %s in the source archive is larger than %d bytes", errBuild, f.Name, maxGoFile)
	}
	return b, nil
}
