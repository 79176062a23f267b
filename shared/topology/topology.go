// Package topology is the hand-off from deployment to operation: what `up` stood up, and where to ask for it.
package topology

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Region roles: what a region does while everything is healthy.
const (
	RolePrimary = "primary"
	RoleStandby = "standby"
)

// Topology is the typed stack output.
type Topology struct {
	Environment string            `json:"environment"`
	Hostname    string            `json:"hostname"` // the one name clients use
	Zone        string            `json:"zone"`     // hosted zone that holds it
	Manager     string            `json:"manager"`
	Spare       string            `json:"spare,omitempty"` // manager that holds the same zone, undelegated
	Pattern     string            `json:"pattern"`
	Steering    string            `json:"steering,omitempty"` // weighted, latency or geo, where several regions serve
	TTL         int               `json:"ttl_seconds"`
	Check       Check             `json:"check"`
	Detect      int               `json:"detect_seconds"`      // longest time until the manager answers otherwise after a failure
	Bound       int               `json:"bound_seconds"`       // longest time a client can be without answers after a failure
	Front       string            `json:"front,omitempty"`     // SHA-256 of what the manager's own front shows to the regions, hex; "" where clients talk to the regions
	Instances   int               `json:"instances,omitempty"` // most that a region's function may have at once
	Release     string            `json:"release"`
	Model       string            `json:"model"`
	Details     map[string]string `json:"details,omitempty"` // ids by which the manager's data plane is reached
	Stores      []Store           `json:"stores,omitempty"`  // where this is kept too, and the stack's lock
	Regions     []Region          `json:"regions"`           // in failover order
}

// Store is a place at a provider that is found without Pulumi's state.
type Store struct {
	Provider  string `json:"provider"`
	Region    string `json:"region"`              // that it is in
	Name      string `json:"name"`                // of the bucket; at Azure of the storage account
	Container string `json:"container,omitempty"` // at Azure
}

// Check is how the traffic manager probes each region.
type Check struct {
	Path      string `json:"path"`
	Interval  int    `json:"interval_seconds"`
	Threshold int    `json:"threshold"`
	Timeout   int    `json:"timeout_seconds"` // the manager's own probe limit
}

// Region is one deployment of the gateway.
type Region struct {
	Name        string `json:"name"` // provider/region
	Provider    string `json:"provider"`
	Role        string `json:"role"`
	Weight      int    `json:"weight,omitempty"`       // share under weighted steering, relative to the others of its group
	Drained     bool   `json:"drained,omitempty"`      // it is to have no traffic, whatever its health
	AsksClients bool   `json:"asks_clients,omitempty"` // by the shared name it answers nobody who shows no TLS certificate
	Hostname    string `json:"hostname"`               // the region's own name
	Target      string `json:"target"`                 // what the provider gave: a name or an IP address
	URL         string `json:"url"`                    // https://<hostname>/
	HealthURL   string `json:"health_url"`             // what the traffic manager probes
	HealthCheck string `json:"health_check"`           // the manager's id of the check
	Function    string `json:"function"`               // the provider's id of what runs there
	Digest      string `json:"digest"`                 // of the artefact deployed there
}

// AsksClients reports whether some region answers nobody by the shared name who shows no TLS certificate.
func (t Topology) AsksClients() bool {
	return slices.ContainsFunc(t.Regions, func(r Region) bool { return r.AsksClients })
}

// Decode reads a topology strictly: an unknown or mistyped field is an error, so that an output written by another
// version is noticed and not half-read.
func Decode(b []byte) (Topology, error) {
	var t Topology
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return Topology{}, fmt.Errorf("decode topology: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Topology{}, errors.New("decode topology: there is more after its end")
	}
	return t, nil
}
