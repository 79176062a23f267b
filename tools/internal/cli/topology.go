package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/localcloud"
)

// topologyFile keeps what the last `up` on this machine stood up. The stack is what counts: somebody may have deployed from
// elsewhere since, or with a plain `pulumi up`.
func (a *app) topologyFile() string { return filepath.Join(a.workDir(), "topology.json") }

// saveTopology replaces the file in one step.
func (a *app) saveTopology(t topology.Topology) error {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encode topology: %w", err)
	}
	part := a.topologyFile() + ".new"
	if err := errors.Join(os.MkdirAll(a.workDir(), 0o755), os.WriteFile(part, append(b, '\n'), 0o644)); err != nil {
		return fmt.Errorf("keep the topology: %w", err)
	}
	return os.Rename(part, a.topologyFile())
}

// loadTopology says what stands: on local clouds what `up` saved, as long as nobody has written to the stack since, and otherwise what the
// stack says. Where that is gone or cannot be asked, as in an outage of whoever keeps the state, a store of the stack tells, at whichever
// provider answers, and where none does, what was saved has to do.
func (a *app) loadTopology(ctx context.Context, s settings.Settings) (topology.Topology, error) {
	none := fmt.Errorf("%s is not deployed: run `polygate up -s %s`", a.stack, a.stack)
	saved, savedAt, savedErr := a.savedTopology()
	if s.LocalClouds != nil {
		if t, ok := a.unchanged(); ok {
			return t, nil
		}
		if _, err := localcloud.ReadState(ctx, a.cloudDir()); errors.Is(err, localcloud.ErrNotRunning) {
			if _, stateErr := a.stateFile(); stateErr != nil {
				return saved, none
			}
			return saved, fmt.Errorf("%w for %q: run `polygate local start -s %s`", err, a.stack, a.stack)
		}
	}
	t, err := a.askStack(ctx, s)
	if err == nil || errors.Is(err, deploy.ErrNoTopology) || ctx.Err() != nil {
		return t, err
	}
	stored, storedErr := a.storedTopology(ctx, s)
	switch {
	case storedErr == nil:
		return stored, nil
	case errors.Is(err, deploy.ErrNoStack):
		return t, none
	case savedErr != nil, errors.As(err, new(usageError)):
		return t, err
	}
	a.step("the stack cannot be asked, nor a store, so this is what `up` on this machine deployed at %s: %v; %v", savedAt.Format(time.RFC3339), err, storedErr)
	return saved, nil
}

// unchanged is what `up` saved of a stack on local clouds, as long as nobody has written to the stack since.
func (a *app) unchanged() (topology.Topology, bool) {
	state, err := a.stateFile()
	if err != nil {
		return topology.Topology{}, false
	}
	t, at, err := a.savedTopology()
	return t, err == nil && !state.ModTime().After(at)
}

func (a *app) askStack(ctx context.Context, s settings.Settings) (topology.Topology, error) {
	if s.LocalClouds != nil { // without the file Pulumi would only say so later
		if _, err := a.stateFile(); err != nil {
			return topology.Topology{}, deploy.ErrNoStack
		}
	}
	opts, err := a.deployment(ctx, s.LocalClouds != nil)
	if err != nil {
		return topology.Topology{}, err
	}
	stack, err := deploy.Select(ctx, opts)
	if err != nil {
		return topology.Topology{}, err
	}
	return stack.Topology(ctx)
}

// savedTopology reads what `up` saved, and when.
func (a *app) savedTopology() (topology.Topology, time.Time, error) {
	info, err := os.Stat(a.topologyFile())
	if err != nil {
		return topology.Topology{}, time.Time{}, err
	}
	b, err := os.ReadFile(a.topologyFile())
	if err != nil {
		return topology.Topology{}, time.Time{}, err
	}
	t, err := topology.Decode(b)
	return t, info.ModTime(), err
}

// stateFile is the state of a stack on local clouds.
func (a *app) stateFile() (os.FileInfo, error) {
	return os.Stat(filepath.Join(a.workDir(), "state", ".pulumi", "stacks", deploy.Project, a.stack+".json"))
}
