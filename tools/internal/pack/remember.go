package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"polygate.example/shared/artefact"
)

// memory is what Options.Memory keeps of a build: what it was made of, and what it made.
type memory struct {
	Inputs   string            `json:"inputs"`
	Manifest artefact.Manifest `json:"manifest"`
}

// inputs is a digest of all that a build reads: the toolchain, this program, the options, the model, the packages of this module
// that the artefacts are made of, and the versions of those that are not of it, whose content go.sum names. "" when a build cannot
// be told by these.
func (b *build) inputs(ctx context.Context) string {
	if b.Memory == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintln(h, b.Packer, b.tools.version, b.GOOS, b.GOARCH, b.Environment, b.Providers)
	fmt.Fprintf(h, "%x\n", sha256.Sum256(b.model))
	files := map[string]bool{"go.mod": true, "go.sum": true}
	for _, name := range b.Providers {
		p := packers[name]
		t := b.target(p)
		pkgs, err := b.tools.deps(ctx, b.Root, t, p.patterns...)
		if err != nil {
			return ""
		}
		fmt.Fprintln(h, name, t, p.patterns)
		for _, pkg := range pkgs {
			switch m := pkg.Module; {
			case m == nil: // the toolchain's
				fmt.Fprintln(h, pkg.ImportPath)
			case m.Replace != nil:
				return ""
			case !m.Main:
				fmt.Fprintln(h, pkg.ImportPath, m.Path, m.Version, m.GoVersion)
			default:
				fmt.Fprintln(h, pkg.ImportPath, pkg.Name, pkg.Imports)
				for _, f := range slices.Concat(pkg.GoFiles, pkg.SFiles, pkg.HFiles, pkg.CgoFiles, pkg.EmbedFiles) {
					files[filepath.Join(pkg.Dir, f)] = true
				}
			}
		}
		for _, f := range p.beside {
			files[f] = true
		}
	}
	if err := b.digest(h, files); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// recall returns the build before, when it was made of the same and what it made lies in Out as it left it.
func (b *build) recall(inputs string) (artefact.Manifest, bool) {
	none := artefact.Manifest{}
	if inputs == "" {
		return none, false
	}
	text, err := os.ReadFile(b.Memory)
	if err != nil {
		return none, false
	}
	var was memory
	if json.Unmarshal(text, &was) != nil || was.Inputs != inputs {
		return none, false
	}
	is, err := artefact.Read(b.Out)
	if err != nil || !reflect.DeepEqual(is, was.Manifest) {
		return none, false
	}
	for _, a := range is.Artefacts {
		zip, err := os.ReadFile(filepath.Join(b.Out, a.File))
		if err != nil || sum(zip) != a.SHA256 {
			return none, false
		}
	}
	return is, true
}

// remember keeps what a build was made of, unless that has changed meanwhile: nobody could say of which it is then.
func (b *build) remember(ctx context.Context, inputs string, m artefact.Manifest) error {
	if b.Memory == "" {
		return nil
	}
	if inputs == "" || b.inputs(ctx) != inputs {
		if err := os.Remove(b.Memory); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the build before: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(memory{Inputs: inputs, Manifest: m})
	if err != nil {
		return fmt.Errorf("remember the build: %w", err)
	}
	return writeFile(b.Memory, text)
}

// digest adds the names and contents of files, by their paths in the checkout.
func (b *build) digest(h io.Writer, files map[string]bool) error {
	contents := map[string][]byte{}
	for f := range files {
		if !filepath.IsAbs(f) {
			f = filepath.Join(b.Root, filepath.FromSlash(f))
		}
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(b.Root, f)
		if err != nil {
			return err
		}
		contents[filepath.ToSlash(name)] = data
	}
	return json.NewEncoder(h).Encode(contents) // in order of the names
}
