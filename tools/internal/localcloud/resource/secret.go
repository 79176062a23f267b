package resource

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// tokenSecret is the type of the records that hold secrets. No SDK has it: secrets are made by hand, before a deployment and
// beside it, so that no program ever holds one.
const tokenSecret = "local:secrets/version:Version"

// LatestVersion names the version of a secret that was made last.
const LatestVersion = "latest"

// SecretVersion is one version of a secret in a provider's own store.
type SecretVersion struct {
	Provider string `json:"provider"` // aws, gcp, azure
	Name     string `json:"name"`     // as the stack file refers to it, without a version
	Version  int    `json:"version"`  // from 1, one more with each value
	Value    string `json:"-"`        // never in an answer, an error or a log
}

// AddSecret keeps a value as the newest version of a secret and returns its number. The file it ends in is the owner's
// alone to read.
func (s *Store) AddSecret(provider, name, value string) (version int, err error) {
	err = s.transact(context.Background(), func(t *tx) error {
		version = 1
		if last, ok := t.view().Secret(provider, name, LatestVersion); ok {
			version = last.Version + 1
		}
		t.insert(Record{
			Provider: provider, Type: tokenSecret, ID: name, Scope: provider + "/" + strconv.Itoa(version),
			Computed: Props{"version": float64(version)}, Private: Props{"value": value},
		})
		return nil
	})
	return version, err
}

// RemoveSecret takes a secret away with all its versions and returns how many there were.
func (s *Store) RemoveSecret(provider, name string) (versions int, err error) {
	err = s.transact(context.Background(), func(t *tx) error {
		versions = 0
		for _, r := range t.view().List(tokenSecret) {
			if r.Provider == provider && r.ID == name {
				t.remove(r)
				versions++
			}
		}
		return nil
	})
	return versions, err
}

// Secrets lists every version of every secret, in order of provider, name and version, without the values.
func (v View) Secrets() []SecretVersion {
	out := []SecretVersion{}
	for _, r := range v.List(tokenSecret) {
		out = append(out, SecretVersion{Provider: r.Provider, Name: r.ID, Version: r.Computed.Int("version")})
	}
	slices.SortFunc(out, func(a, b SecretVersion) int {
		return slices.Compare([]string{a.Provider, a.Name, fmt.Sprintf("%09d", a.Version)}, []string{b.Provider, b.Name, fmt.Sprintf("%09d", b.Version)})
	})
	return out
}

// Secret finds a version of a secret, by its number or as LatestVersion.
func (v View) Secret(provider, name, version string) (SecretVersion, bool) {
	var found *SecretVersion
	for _, r := range v.List(tokenSecret) {
		n := r.Computed.Int("version")
		if r.Provider != provider || r.ID != name || version != LatestVersion && version != strconv.Itoa(n) || found != nil && found.Version > n {
			continue
		}
		found = &SecretVersion{Provider: provider, Name: name, Version: n, Value: r.Private.Str("value")}
	}
	if found == nil {
		return SecretVersion{}, false
	}
	return *found, true
}

// String names the version and never shows its value.
func (s SecretVersion) String() string {
	return fmt.Sprintf("%s %s, version %d", s.Provider, s.Name, s.Version)
}

// GoString is String: %#v shows no value either.
func (s SecretVersion) GoString() string { return s.String() }
