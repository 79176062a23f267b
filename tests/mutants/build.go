package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// build is a package's tests with mutants in its source.
type build struct {
	mutants []int // by their place in the list; the first is number 1 of the build
	binary  string
	err     error
	replace map[string]string // a mutant that is built alone, and when it is its turn: its file, by path from the root
}

// builds are what judges the mutants of a package: as many as can be share one build, which is ready; what is no function's body has
// one of its own each, which is not.
func (r *runner) builds(ctx context.Context, pkg string, mutants []mutant, of []int) (together, alone []build) {
	var inside []int
	for _, i := range of {
		if _, err := weave(mutants[i:i+1], r.source); err == nil {
			inside = append(inside, i)
			continue
		}
		alone = append(alone, r.alone(mutants[i], i))
	}
	return r.together(ctx, pkg, mutants, inside), alone
}

// alone is a mutant with its whole file.
func (r *runner) alone(m mutant, i int) build {
	b := build{mutants: []int{i}}
	source, err := r.source(m.File)
	if err != nil {
		return build{mutants: b.mutants, err: err}
	}
	text, err := m.apply(source)
	if err != nil {
		return build{mutants: b.mutants, err: err}
	}
	b.replace = map[string]string{m.File: text}
	return b
}

// together builds the package with all of these mutants. One that does not compile must not take the others with it: then they are
// parted in two until it is by itself.
func (r *runner) together(ctx context.Context, pkg string, mutants []mutant, of []int) []build {
	if len(of) == 0 {
		return nil
	}
	var those []mutant
	for _, i := range of {
		those = append(those, mutants[i])
	}
	b := build{mutants: of}
	w, err := weave(those, r.source)
	if err != nil {
		b.err = err
		return []build{b}
	}
	if b.binary, b.err = r.compile(ctx, pkg, w.files); b.err == nil || len(of) == 1 || ctx.Err() != nil {
		return []build{b}
	}
	half := len(of) / 2
	return append(r.together(ctx, pkg, mutants, of[:half]), r.together(ctx, pkg, mutants, of[half:])...)
}

// before is what the tests of a package say while no rule is broken: by a build of mutants with none of them chosen, where there is one,
// so that a fact that the weaving itself breaks is not taken for one that sees its rule broken.
func (r *runner) before(ctx context.Context, pkg, match string, together []build) outcome {
	for _, b := range together {
		if b.err == nil {
			return r.test(ctx, pkg, b.binary, 0, match)
		}
	}
	binary, err := r.compile(ctx, pkg, nil)
	if err != nil {
		return outcome{err: err}
	}
	return r.test(ctx, pkg, binary, 0, match)
}

// whole runs the facts of all packages that mutants are of, while no rule is broken.
func (r *runner) whole(ctx context.Context, mutants []mutant) (map[string]outcome, error) {
	out := map[string]outcome{}
	for _, m := range mutants {
		if _, ok := out[m.Package]; ok {
			continue
		}
		o := r.before(ctx, m.Package, tops(mutants, m.Package), nil)
		if o.err != nil {
			return nil, o.err
		}
		out[m.Package] = o
	}
	return out, nil
}

// source is a file of the tree.
func (r *runner) source(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(file)))
	return string(b), err
}

// compile builds the tests of a package with other texts for some files of the tree, which stays as it is.
func (r *runner) compile(ctx context.Context, pkg string, replace map[string]string) (string, error) {
	dir, err := os.MkdirTemp(r.temp, "mutant-")
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	for file, text := range replace {
		to := filepath.Join(dir, fmt.Sprint(len(files), "-", filepath.Base(file)))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		files[filepath.Join(r.root, filepath.FromSlash(file))] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return "", err
	}
	overlay, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "tests")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		return "", err
	}
	// Without symbols for debuggers: linking is most of what a build costs.
	cmd := r.command(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+overlay, "-o="+binary, "./"+pkg)
	cmd.Dir = r.root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", errors.New("it does not compile: " + firstLine(out.String()))
	}
	return binary, nil
}
