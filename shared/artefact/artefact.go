// Package artefact is the hand-off from packaging to deployment: what was packed, for whom, and its digests.
package artefact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ManifestFile is the manifest's name inside dist/<environment>/.
const ManifestFile = "manifest.json"

// Artefact is the zip one provider runs.
type Artefact struct {
	Provider     string `json:"provider"`     // aws, gcp, azure
	File         string `json:"file"`         // name beside the manifest
	SHA256       string `json:"sha256"`       // 64 hex digits, of the zip
	Size         int64  `json:"size"`         // bytes of the zip
	Architecture string `json:"architecture"` // amd64 or arm64; "" where the provider builds the source itself
	Runtime      string `json:"runtime"`      // the provider's name for it: provided.al2023, go126, custom
}

// Digest is the artefact's digest as the gateway reports it: "sha256:<hex>".
func (a Artefact) Digest() string { return "sha256:" + a.SHA256 }

// Manifest describes one build: all artefacts of one environment, packed from one gateway document.
type Manifest struct {
	Environment string     `json:"environment"`
	Release     string     `json:"release"` // "r" and 12 hex digits over the model and artefact digests
	Model       string     `json:"model"`   // model digest, "sha256:<hex>"
	Front       Front      `json:"front,omitzero"`
	Artefacts   []Artefact `json:"artefacts"`
}

// Front is what the gateway goes by that only the front before it can tell of a client: the fronts have to be set up for it. The zero value
// needs nothing of them.
type Front struct {
	Country      bool          `json:"country,omitempty"`      // where clients are
	Certificates *Certificates `json:"certificates,omitempty"` // what clients show in TLS; nil: they are asked for none
}

// Certificates are those of who issues clients' certificates, each in PEM, sorted and once. There is none where the gateway knows clients'
// certificates by their fingerprints alone. They are more than one of its policies may believe: what a policy believes it tests itself.
type Certificates struct {
	Anchors []string `json:"anchors,omitempty"` // trusted for themselves, roots or not
	Steps   []string `json:"steps,omitempty"`   // on the way to an anchor, and none themselves

	Required bool `json:"required,omitempty"` // no route can be called without one
}

// For returns the artefact of a provider, or an error that lists the ones there are.
func (m Manifest) For(provider string) (Artefact, error) {
	have := make([]string, 0, len(m.Artefacts))
	for _, a := range m.Artefacts {
		if a.Provider == provider {
			return a, nil
		}
		have = append(have, a.Provider)
	}
	return Artefact{}, fmt.Errorf("the manifest of %q has no artefact for provider %q, only for %v", m.Environment, provider, have)
}

// Encode is the manifest's one spelling on disk.
func (m Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// Read reads dir/manifest.json strictly. A missing manifest says which command makes it.
func Read(dir string) (Manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s does not exist: run `polygate build -s %s` first", path, filepath.Base(dir))
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%s is damaged (%w): run `polygate build` again", path, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) { // two builds writing at once could leave the end of a longer one
		return Manifest{}, fmt.Errorf("%s is damaged (there is more after the manifest's end): run `polygate build` again", path)
	}
	return m, nil
}
