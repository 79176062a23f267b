package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/goccy/go-yaml"
)

// area is one table: the mutants of a cloud's service, or of what several share.
type area struct {
	Name    string   `yaml:"-"`     // of the file, without .yaml
	Under   string   `yaml:"under"` // the folder that files and packages are named from, from the root of the checkout
	Mutants []mutant `yaml:"mutants"`
}

// mutant is one rule and how it is broken.
type mutant struct {
	Area string `yaml:"-" json:"area"`
	Rule string `yaml:"rule" json:"rule"` // what holds, in a few words
	File string `yaml:"file" json:"file"` // where it is kept
	Find string `yaml:"find" json:"find"` // its text there, which occurs once
	Put  string `yaml:"put" json:"put"`   // what takes its place; it must compile
	// Package has the fact: the folder of the file if it is left out.
	Package string `yaml:"package" json:"package"`
	// Fact is the test that must fail, its rows by the names that the source gives them: TestFacts/dns/no TTL.
	Fact string `yaml:"fact" json:"fact"`
}

// load reads all tables, in the order of their names.
func load(dir fs.FS) ([]area, error) {
	files, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	var out []area
	for _, f := range files {
		b, err := fs.ReadFile(dir, f)
		if err != nil {
			return nil, err
		}
		a, err := parse(strings.TrimSuffix(f, ".yaml"), b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// parse reads one table and makes its names whole.
func parse(name string, b []byte) (area, error) {
	a := area{Name: name}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&a); err != nil && !errors.Is(err, io.EOF) {
		return area{}, err
	}
	if a.Under == "" || len(a.Mutants) == 0 {
		return area{}, errors.New("want `under`, a folder, and `mutants`")
	}
	for i := range a.Mutants {
		m := &a.Mutants[i]
		for key, value := range map[string]string{"rule": m.Rule, "file": m.File, "find": m.Find, "fact": m.Fact} {
			if value == "" {
				return area{}, fmt.Errorf("mutant %d (%s): %s is missing", i+1, m.Rule, key)
			}
		}
		if m.Find == m.Put {
			return area{}, fmt.Errorf("mutant %d (%s): find and put are the same", i+1, m.Rule)
		}
		if !strings.HasPrefix(m.Fact, "Test") {
			return area{}, fmt.Errorf("mutant %d (%s): fact is %q, want the name of a test", i+1, m.Rule, m.Fact)
		}
		m.Area, m.File = name, path.Join(a.Under, m.File)
		if m.Package == "" {
			m.Package = path.Dir(m.File)
		} else {
			m.Package = path.Join(a.Under, m.Package)
		}
	}
	return a, nil
}

// apply is the file with the rule broken.
func (m mutant) apply(source string) (string, error) {
	if n := strings.Count(source, m.Find); n != 1 {
		return "", fmt.Errorf("%s has the text %d times, want it once: %q", m.File, n, m.Find)
	}
	return strings.Replace(source, m.Find, m.Put, 1), nil
}
