// Package gateway is the model of a gateway: what it routes, to whom, and how.
//
// The way of the data is one-way and each step is one type:
//
//	gateway document (YAML)  --config.Load-->  *gateway.Model  --handler.New-->  http.Handler
//	                                               |    ^
//	                                         Encode|    |Decode
//	                                               v    |
//	                                           model.json (packed into every artefact)
//
// A document is read once, at build time, by package config, which knows YAML, lines and columns, and shorthand
// spellings. What it reads is a [Spec], the plain form. [New] checks a Spec against every rule of the gateway and, if
// all hold, gives the [Model]: validated, immutable, and the only form other packages see. A function never parses
// YAML: it decodes the model.json that was packed beside it, with the same checks, and reports the model's [Model.Digest]
// in its health document, so that anyone can tell which configuration a region runs.
//
// The rules live here and nowhere else. They name what they object to by an RFC 6901 pointer into the Spec; package
// config turns the pointer into a line and a column.
package gateway

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Version is the only version of the gateway document there is.
const Version = 1

// Model is a gateway that may be run: every rule holds for it. It cannot be changed; what its methods return are copies.
type Model struct {
	spec    Spec
	encoded []byte
	digest  string
}

// New checks a spec and returns the model of it. The error is [Violations]: every broken rule, not the first. The order
// of the spec's routes has no meaning and does not survive: two specs that differ only in it have the same digest.
func New(spec Spec) (*Model, error) {
	if v := check(&spec); len(v) > 0 {
		return nil, v
	}
	spec = spec.clone()
	slices.SortFunc(spec.Routes, func(a, b Route) int { return cmp.Compare(a.Name, b.Name) })
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(spec); err != nil {
		return nil, fmt.Errorf("encode gateway model: %w", err)
	}
	sum := sha256.Sum256(buf.Bytes())
	return &Model{spec: spec, encoded: buf.Bytes(), digest: "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// ErrNotCanonical is why Decode refuses JSON that means a valid model but is not the one spelling Encode gives it.
var ErrNotCanonical = errors.New("the model is not in its canonical form: it was edited by hand or damaged; build it again from the gateway document")

// Decode reads what Encode wrote. It is strict: an unknown field, a broken rule, or any byte that Encode would have
// written differently (another order, a repeated or miscased field, something after the end) is an error.
func Decode(b []byte) (*Model, error) {
	var spec Spec
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&spec); err != nil {
		return nil, fmt.Errorf("decode gateway model: %w", err)
	}
	m, err := New(spec)
	if err != nil {
		return nil, fmt.Errorf("decode gateway model: %w", err)
	}
	if !bytes.Equal(m.encoded, b) {
		return nil, fmt.Errorf("decode gateway model: %w", ErrNotCanonical)
	}
	return m, nil
}

// Encode is the model's one spelling: indented JSON with sorted keys and a newline at the end. The error is always nil
// today; it is there so that callers handle the day it is not.
func (m *Model) Encode() ([]byte, error) { return bytes.Clone(m.encoded), nil }

// Digest is "sha256:" and the 64 hex digits of the SHA-256 of Encode.
func (m *Model) Digest() string { return m.digest }

// Routes returns all routes, sorted by name.
func (m *Model) Routes() []Route { return m.spec.clone().Routes }

// Upstreams returns the names of all upstreams, sorted.
func (m *Model) Upstreams() []string { return slices.Sorted(maps.Keys(m.spec.Upstreams)) }

// Upstream returns an upstream by name; false if there is none.
func (m *Model) Upstream(name string) (Upstream, bool) {
	u, ok := m.spec.Upstreams[name]
	return u.clone(), ok
}

// Tiers returns the targets a gateway in the given region uses for an upstream: the first tier first, the next only when
// no target of the one before can be reached. A region with an entry of its own gets its targets and then those of its
// fallback regions; any other region gets the upstream's general targets and then those of the general fallback. A
// fallback region that has no targets itself stands for its own fallback. A target is in one tier only, the earliest.
// There is always at least one tier with one target; nil means there is no such upstream.
func (m *Model) Tiers(upstream, region string) [][]Target {
	u, ok := m.spec.Upstreams[upstream]
	if !ok {
		return nil
	}
	return u.tiers(region)
}
