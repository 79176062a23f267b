package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"polygate.example/tools/internal/process"
)

// recover clears what a run that was killed outright has left behind: a lock whose owner is gone, and resources whose
// creation the engine never saw the end of.
func (s *Stack) recover(ctx context.Context) error {
	if err := s.recoverLock(ctx); err != nil {
		return err
	}
	var err error
	if s.pending, err = s.pendingOperations(ctx); err != nil || len(s.pending) == 0 {
		return err
	}
	s.opts.Notice("an earlier run was killed during %d operations: asking the providers what became of them", len(s.pending))
	w := watch(s.opts.Progress)
	_, err = s.stack.Refresh(ctx, optrefresh.EventStreams(w.events), optrefresh.ClearPendingCreates(), optrefresh.SuppressProgress())
	failures := w.wait()
	if err != nil {
		return s.failed("refresh", ctx, err, failures)
	}
	return nil
}

// lock is the file a Pulumi file backend keeps while an update runs.
type lock struct {
	PID      int    `json:"pid"`
	Hostname string `json:"hostname"`
}

// recoverLock removes the locks of a file backend whose owner ran on this machine and is gone. Locks of living processes
// and of other machines are left for the engine to refuse.
func (s *Stack) recoverLock(ctx context.Context) error {
	dir, ok := fileBackend(s.opts.Env["PULUMI_BACKEND_URL"])
	if !ok {
		return nil
	}
	// Layout of the file backend: .pulumi/locks/organization/<project>/<stack>/<id>.json
	files, err := filepath.Glob(filepath.Join(dir, ".pulumi", "locks", "organization", Project, s.opts.Environment, "*.json"))
	if err != nil || len(files) == 0 {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("compare the stack's lock with this machine: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // released in the meantime
		}
		var l lock
		if json.Unmarshal(b, &l) != nil || l.Hostname != host || process.Alive(l.PID) {
			return nil
		}
		s.opts.Notice("releasing the lock of process %d, which is gone", l.PID)
	}
	if err := s.stack.Cancel(ctx); err != nil {
		return fmt.Errorf("release the stack's lock: %w", err)
	}
	return nil
}

// pendingOperations names the resources whose creation, update or deletion was begun and never seen to end.
func (s *Stack) pendingOperations(ctx context.Context) ([]string, error) {
	state, err := s.stack.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of stack %q: %w", s.opts.Environment, err)
	}
	if len(state.Deployment) == 0 {
		return nil, nil
	}
	var d apitype.DeploymentV3
	if err := json.Unmarshal(state.Deployment, &d); err != nil {
		return nil, fmt.Errorf("read the state of stack %q: %w", s.opts.Environment, err)
	}
	var names []string
	for _, op := range d.PendingOperations {
		names = append(names, name(string(op.Resource.URN)))
	}
	return names, nil
}

// fileBackend gives the folder of a file:// backend.
func fileBackend(backend string) (string, bool) {
	u, err := url.Parse(backend)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return filepath.FromSlash(strings.TrimPrefix(backend, "file://")), true
}
