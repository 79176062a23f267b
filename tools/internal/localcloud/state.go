package localcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/process"
)

// State is what running local clouds tell everyone else: where they listen, and how to ask them. It is written when they
// are ready and removed when they stop.
type State struct {
	PID        int            `json:"pid"`
	Speed      float64        `json:"speed"`      // cloud seconds per wall second
	DNS        string         `json:"dns"`        // authoritative DNS, host:port, UDP and TCP
	Edge       string         `json:"edge"`       // the internet before the fronts, host:port, TLS by server name
	Origin     string         `json:"origin"`     // the stand-in upstream, host:port
	API        string         `json:"api"`        // control API, host:port
	Token      string         `json:"token"`      // bearer token of the control API
	CA         string         `json:"ca"`         // PEM file of the authority that signs the fronts' certificates
	Management string         `json:"management"` // the clouds' management APIs, host:port, TLS by server name
	Providers  map[string]int `json:"providers"`  // Pulumi provider -> gRPC port on 127.0.0.1
	Dials      string         `json:"dials"`      // what they were started with; see Options.Dials
	Started    time.Time      `json:"started"`
}

// DebugProviders is the value of PULUMI_DEBUG_PROVIDERS that attaches the Pulumi engine to these clouds.
func (s State) DebugProviders() string {
	var parts []string
	for _, name := range []string{"aws", "gcp", "azure-native", "cloudflare"} {
		if port, ok := s.Providers[name]; ok {
			parts = append(parts, name+":"+strconv.Itoa(port))
		}
	}
	return strings.Join(parts, ",")
}

// stateFile is where State lies inside the local clouds' folder.
func stateFile(dir string) string { return filepath.Join(dir, "clouds.json") }

// ErrNotRunning says that no local clouds run from a folder.
var ErrNotRunning = errors.New("the local clouds are not running")

// ReadState reads the state of the clouds that run from dir. What counts is that they answer: a state left behind by clouds
// that were killed, or a file that is damaged, means not running, whoever may have their process id or port by now.
func ReadState(ctx context.Context, dir string) (State, error) {
	b, err := os.ReadFile(stateFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, ErrNotRunning
	}
	if err != nil {
		return State{}, fmt.Errorf("read the local clouds' state: %w", err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("%w: %s is damaged: %w", ErrNotRunning, stateFile(dir), err)
	}
	if !process.Alive(s.PID) {
		return State{}, ErrNotRunning
	}
	if pid, err := NewClient(s).pid(ctx); err != nil || pid != s.PID {
		if ctx.Err() != nil {
			return State{}, ctx.Err()
		}
		return State{}, ErrNotRunning
	}
	return s, nil
}

// write replaces the state file in one step; it holds the API's token and is for the owner only.
func (s State) write(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the local clouds' state: %w", err)
	}
	tmp := stateFile(dir) + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the local clouds' state: %w", err)
	}
	return os.Rename(tmp, stateFile(dir))
}
