package harness

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Region is what `status --json` says of one region.
type Region struct {
	Name      string `json:"name"`
	Provider  string `json:"provider"`
	Role      string `json:"role"`
	Healthy   bool   `json:"healthy"`
	Serving   bool   `json:"serving"`
	URL       string `json:"url"`
	HealthURL string `json:"health_url"`
	Digest    string `json:"digest"`
	Votes     string `json:"votes"`
}

// Host is the region's own name.
func (r Region) Host() string {
	return strings.TrimSuffix(strings.TrimPrefix(r.URL, "https://"), "/")
}

// Status is `status --json`.
type Status struct {
	Manager     string `json:"manager"`
	Environment string `json:"environment"`
	Hostname    string `json:"hostname"`
	Status      string `json:"status"`
	DNS         string `json:"dns"`
	Edge        struct {
		Address string `json:"address"`
		CA      string `json:"ca"`
	} `json:"edge"`
	BoundSeconds int      `json:"bound_seconds"`
	Speed        float64  `json:"speed"`
	Serving      string   `json:"serving"`
	Regions      []Region `json:"regions"`
	Checks       []Check  `json:"checks"`
}

// Check is what `status --json` says of one part.
type Check struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// Roots are who clients of the local clouds trust.
func (s Status) Roots() (*x509.CertPool, error) {
	pem, err := os.ReadFile(s.Edge.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", s.Edge.CA)
	}
	return roots, nil
}

// Resolver asks the environment's DNS port.
func (e *Environment) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, e.DNS)
	}}
}

// Status asks `polygate status --json`; an unhealthy environment is no error, but an exit code that says otherwise is.
func (e *Environment) Status(ctx context.Context) (Status, error) {
	r, err := e.Polygate(ctx, "status", "--json")
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		return Status{}, fmt.Errorf("status --json ended with %d: %w\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	want := 1
	switch {
	case s.Well():
		want = 0
	case s.Status == "unknown":
		want = 3
	}
	if r.Code != want {
		return s, fmt.Errorf("status --json says %q and ended with %d, want %d", s.Status, r.Code, want)
	}
	return s, nil
}

// Well reports whether nothing failed: what is only to be looked at leaves every region answering.
func (s Status) Well() bool { return s.Status == "ok" || s.Status == "warning" }

// Healthy waits until status finds nothing that failed, at most two minutes.
func (e *Environment) Healthy(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		st, err := e.Status(ctx)
		if err == nil && st.Well() {
			return st, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return st, fmt.Errorf("not healthy in time: %+v: %w", st, errors.Join(err, ctx.Err()))
		}
	}
}
