package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The form is SARIF 2.1.0 (OASIS Standard, docs.oasis-open.org/sarif/sarif/v2.1.0), with what GitHub code scanning asks for beyond it
// ("SARIF support for code scanning", docs.github.com): rules with descriptions, relative addresses, and fingerprints by which a finding is
// known again when its line has moved.
const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage     = "https://polygate.example"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string       `json:"id"`
	ShortDescription sarifMessage `json:"shortDescription"`
	FullDescription  sarifMessage `json:"fullDescription"`
	Help             sarifMessage `json:"help"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        Severity          `json:"level"`
	Message      sarifMessage      `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Related      []sarifLocation   `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Properties   map[string]string `json:"properties,omitempty"`
}

type sarifLocation struct {
	ID       *int          `json:"id,omitempty"`
	Physical sarifPhysical `json:"physicalLocation"`
	Message  *sarifMessage `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
}

// WriteSARIF prints the report in SARIF. The version is polygate's own.
func (r *Report) WriteSARIF(w io.Writer, version string) error {
	ids := slices.Sorted(maps.Keys(r.rules))
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
		Tool: sarifTool{sarifDriver{Name: "polygate", Version: version, InformationURI: homepage, Rules: []sarifRule{}}}}
	for _, id := range ids {
		about := r.rules[id]
		if about == "" {
			about = "what is said of " + id
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: id, ShortDescription: sarifMessage{id}, FullDescription: sarifMessage{about},
			Help: sarifMessage{about + "\n\npolygate check says of each finding what would be right; shared/config/README.md is the reference of gateway documents."}})
	}
	seen := map[string]int{}
	for _, f := range r.Problems {
		at := artifact(f.File)
		text := f.What
		if f.Remedy != "" {
			text += "; " + f.Remedy
		}
		result := sarifResult{RuleID: f.Rule, RuleIndex: slices.Index(ids, f.Rule), Level: f.Severity, Message: sarifMessage{text},
			Locations: []sarifLocation{{Physical: sarifPhysical{at, sarifRegion{f.Line, f.Column}}}}}
		for i, other := range f.Related {
			result.Related = append(result.Related, sarifLocation{ID: &i, Physical: sarifPhysical{at, sarifRegion{other.Line, other.Column}},
				Message: &sarifMessage{"see " + other.Pointer}})
		}
		// Without lines, which move, and without indices, which do so too: those of several alike are counted.
		what := f.What
		for _, other := range f.Related {
			what = strings.TrimSuffix(what, fmt.Sprintf(" (see line %d)", other.Line))
		}
		sum := sha256.Sum256([]byte(f.Rule + "\x00" + at.URI + "\x00" + what))
		mark := hex.EncodeToString(sum[:8])
		seen[mark]++
		result.Fingerprints = map[string]string{"primaryLocationLineHash": fmt.Sprintf("%s:%d", mark, seen[mark])}
		if f.Pointer != "" {
			result.Properties = map[string]string{"pointer": f.Pointer}
		}
		run.Results = append(run.Results, result)
	}
	return encode(w, sarifLog{Schema: sarifSchema, Version: sarifVersion, Runs: []sarifRun{run}})
}

// artifact is the address of a file: relative to the top of the repository that it lies in, as whoever takes findings in wants it; else to
// the folder that polygate runs in; and absolute for a file that lies elsewhere.
func artifact(file string) sarifArtifact {
	abs, err := filepath.Abs(file)
	if err != nil {
		return sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(file)}).String()}
	}
	for _, top := range []func() (string, error){func() (string, error) { return repository(abs), nil }, os.Getwd} {
		dir, err := top()
		if err != nil || dir == "" {
			continue
		}
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(rel)}).String(), URIBaseID: "%SRCROOT%"}
		}
	}
	return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()}
}

// repository is the nearest folder upwards with a .git, "" if there is none.
func repository(file string) string {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
