// Package config turns a gateway document into a gateway model.
//
// It reads YAML strictly: an unknown or repeated key, a value of the wrong type, an anchor, an alias, a tag or a second
// document is a problem. It fills in the defaults, hands the result to package gateway, which knows the rules, and puts
// the file, line and column to everything that was found. All problems are reported together, sorted by position; a
// document with a problem gives no model at all.
//
// The document's reference is README.md beside this file.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"polygate.example/shared/gateway"
)

const (
	// MaxBytes is the size a document may have.
	MaxBytes = 4 << 20
	// MaxAPIBytes is the size an OpenAPI document may have. That of GitHub has some 10 MB.
	MaxAPIBytes = 16 << 20
)

// Rule is one that the model cannot know, such as what the place can do where it is to run. It is held against the document as
// it was written, wrong parts left out, and what it objects to is reported with everything else.
type Rule func(gateway.Spec) gateway.Violations

// Load reads the document at path. The error is Problems if the document is at fault, and another error if the file
// cannot be read. What is only to be warned of is left out; see Audit.
func Load(path string, rules ...Rule) (*gateway.Model, error) {
	m, _, err := Audit(path, rules...)
	return m, err
}

// Audit reads the document at path as Load does, and returns beside the model, or the error, what the rules only warn of.
func Audit(path string, rules ...Rule) (*gateway.Model, Problems, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read gateway document: %w", err)
	}
	defer f.Close()
	// One byte more than allowed is enough for Parse to see that there is too much.
	src, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read gateway document %s: %w", path, err)
	}
	folder, err := os.OpenRoot(filepath.Dir(path)) // nothing outside of it can be opened by way of it, also not by a link
	if err != nil {
		return nil, nil, fmt.Errorf("read gateway document %s: %w", path, err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	return parse(path, src, folder.FS(), rules...)
}

// Named lists the files that the document at path names, by their paths as Load opens them, as far as the document can be read.
func Named(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil
	}
	s := source{name: path}
	root := s.parse(src)
	if root == nil {
		return nil
	}
	d := decoder{source: &s, doc: newDocument(path)}
	d.document(root)
	var out []string
	for _, one := range d.described {
		if name := filepath.Join(filepath.Dir(path), filepath.FromSlash(one.file)); fs.ValidPath(one.file) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Parse reads a document; name stands for the file in messages. The error is Problems. It has no folder: files that it names cannot be read.
func Parse(name string, src []byte, rules ...Rule) (*gateway.Model, error) {
	return ParseIn(nil, name, src, rules...)
}

// ParseIn reads a document as Parse does; files is the folder that it is in, for the OpenAPI documents that it names.
func ParseIn(files fs.FS, name string, src []byte, rules ...Rule) (*gateway.Model, error) {
	m, _, err := parse(name, src, files, rules...)
	return m, err
}

func parse(name string, src []byte, files fs.FS, rules ...Rule) (*gateway.Model, Problems, error) {
	doc, problems := read(name, src, files)
	if doc == nil {
		problems.sort()
		return nil, nil, problems
	}
	m, err := gateway.New(doc.spec)
	var broken gateway.Violations
	if err != nil && !errors.As(err, &broken) {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	var mild gateway.Violations
	for _, rule := range append([]Rule{schemas}, rules...) {
		for _, v := range rule(doc.spec) {
			if v.Warning {
				mild = append(mild, v)
				continue
			}
			broken = append(broken, v)
		}
	}
	warnings := doc.locate(mild)
	warnings.sort()
	problems = append(problems, doc.locate(broken)...)
	if len(problems) > 0 {
		problems.sort()
		return nil, warnings, problems
	}
	return m, warnings, nil
}
