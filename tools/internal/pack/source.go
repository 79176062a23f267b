package pack

import (
	"bytes"
	"context"
	"fmt"
	goversion "go/version"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// funcframework is what the buildpack's generated main imports beside the function.
	funcframework = "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	// metadata is the one package of a Google Cloud module that the framework itself needs.
	metadata = "cloud.google.com/go/functions/metadata"
)

// builder is what Google's Go builder compiles for. It sets no tags.
var builder = target{goos: "linux", goarch: "amd64"}

// goRuntime is the runtime's id, for example go126.
func (b *build) goRuntime() string { return "go" + strings.ReplaceAll(b.tools.lang, ".", "") }

// cloudFunctionFiles is a source archive as Google's Go buildpack takes it (GoogleCloudPlatform/buildpacks,
// cmd/go/functions_framework): go.mod, go.sum and one non-main package at the root, no test files. The function's own
// package moves to the root; the packages of this module that it imports keep their places; go.mod and go.sum name the
// modules they need and no others. The builder passes no tags: the files are those that the tags choose here, see settled.
func cloudFunctionFiles(ctx context.Context, b *build, t target) ([]file, error) {
	pkgs, err := b.tools.deps(ctx, b.Root, t, "./functions/gcp", funcframework)
	if err != nil {
		return nil, err
	}
	if err := checkPackages(pkgs, []string{metadata}); err != nil {
		return nil, err
	}
	files, err := b.sources(pkgs)
	if err != nil {
		return nil, err
	}
	mods, err := modules(pkgs, b.tools.lang)
	if err != nil {
		return nil, err
	}
	goMod := moduleFile(b.tools.module, b.tools.lang, mods)
	goSum, err := b.sums(ctx, goMod, mods)
	if err != nil {
		return nil, err
	}
	files = append(files, file{"go.mod", modePlain, goMod}, file{"go.sum", modePlain, goSum})
	return files, b.resolves(ctx, files)
}

// sources are the files of the packages of this module, the compiled model in place of the committed one.
func (b *build) sources(pkgs []pkg) ([]file, error) {
	entry := b.tools.module + "/functions/gcp"
	var files []file
	replaced := false
	for _, p := range pkgs {
		if p.Module == nil || !p.Module.Main {
			continue
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, b.tools.module), "/")
		switch {
		case p.ImportPath == entry && p.Name == "main":
			return nil, fmt.Errorf("%s is a program: the buildpack wants a package to import", p.ImportPath)
		case p.ImportPath == entry:
			dir = ""
		case dir == "":
			return nil, fmt.Errorf("%s imports the module's root package, whose place the function takes", entry)
		case len(p.CgoFiles) > 0:
			return nil, fmt.Errorf("%s uses cgo, which the functions are built without", p.ImportPath)
		}
		for _, name := range slices.Concat(p.GoFiles, p.SFiles, p.HFiles, p.EmbedFiles) {
			f := file{name: path.Join(dir, filepath.ToSlash(name)), mode: modePlain}
			if f.name == modelFile {
				f.data, replaced = b.model, true
			} else {
				data, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					return nil, fmt.Errorf("read the source: %w", err)
				}
				f.data = data
				if slices.Contains(p.GoFiles, name) || slices.Contains(p.SFiles, name) {
					if f.data, err = settled(data); err != nil {
						return nil, fmt.Errorf("%s: %w", f.name, err)
					}
				}
			}
			files = append(files, f)
		}
	}
	if !replaced {
		return nil, fmt.Errorf("%s does not embed %s: the gateway document would have no effect", entry, modelFile)
	}
	return files, nil
}

// modules are the modules of the packages, sorted by path. One that needs a newer Go than the go line will say is an
// error: the builder does not fetch another toolchain (GOTOOLCHAIN=local).
func modules(pkgs []pkg, lang string) ([]module, error) {
	by := map[string]module{}
	for _, p := range pkgs {
		m := p.Module
		if m == nil || m.Main {
			continue
		}
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced in go.mod: a builder elsewhere cannot do that", m.Path)
		}
		if m.GoVersion != "" && goversion.Compare("go"+m.GoVersion, "go"+lang+".0") > 0 {
			return nil, fmt.Errorf("%s %s wants go %s, and a builder may have as little as go %s.0: use another version of it",
				m.Path, m.Version, m.GoVersion, lang)
		}
		by[m.Path] = *m
	}
	mods := make([]module, 0, len(by))
	for _, m := range by {
		mods = append(mods, m)
	}
	slices.SortFunc(mods, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return mods, nil
}

// moduleFile is the go.mod. Its go line is the first release of the language version: the builder's patch release may be
// older than the one at hand, and a newer one in the line is refused.
func moduleFile(modulePath, lang string, mods []module) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "module %s\n\ngo %s.0\n\nrequire (\n", modulePath, lang)
	for _, m := range mods {
		fmt.Fprintf(&b, "\t%s %s\n", m.Path, m.Version)
	}
	b.WriteString(")\n")
	return b.Bytes()
}

// sums is the go.sum for a go.mod: of the checkout's, the lines for every go.mod in the module graph, which the go command
// reads to choose versions, and for the contents of the modules that are compiled.
func (b *build) sums(ctx context.Context, goMod []byte, mods []module) ([]byte, error) {
	all, err := os.ReadFile(filepath.Join(b.Root, "go.sum"))
	if err != nil {
		return nil, fmt.Errorf("read go.sum: %w", err)
	}
	dir := filepath.Join(b.dir, "gcp-modules")
	if err := stage(dir, []file{{"go.mod", modePlain, goMod}, {"go.sum", modePlain, all}}); err != nil {
		return nil, err
	}
	graph, err := b.tools.run(ctx, dir, builder, "mod", "graph")
	if err != nil {
		return nil, err
	}
	want := map[string]bool{}
	for node := range strings.FieldsSeq(string(graph)) {
		if name, version, ok := strings.Cut(node, "@"); ok {
			want[name+" "+version+"/go.mod"] = true
		}
	}
	for _, m := range mods {
		want[m.Path+" "+m.Version] = true
	}
	var lines []string
	for line := range strings.Lines(string(all)) {
		if f := strings.Fields(line); len(f) == 3 && want[f[0]+" "+f[1]] {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(slices.Compact(lines), "\n") + "\n"), nil
}

// resolves checks that the staged source is whole: that the go command finds every package in it or in the modules it
// names, without changing go.mod or go.sum. What it would not find here the builder would not find either.
func (b *build) resolves(ctx context.Context, files []file) error {
	dir := filepath.Join(b.dir, "gcp")
	if err := stage(dir, files); err != nil {
		return err
	}
	b.progress("check the source for %s", b.goRuntime())
	pkgs, err := b.tools.deps(ctx, dir, builder, ".", funcframework)
	if err != nil {
		return fmt.Errorf("the staged source is not whole: %w", err)
	}
	return checkPackages(pkgs, []string{metadata})
}

// stage writes files under a folder.
func stage(dir string, files []file) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("stage the source: %w", err)
		}
		if err := os.WriteFile(name, f.data, f.mode); err != nil {
			return fmt.Errorf("stage the source: %w", err)
		}
	}
	return nil
}
