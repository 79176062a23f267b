package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/process"
)

// recover clears what a run that was killed outright has left behind: a lock whose owner is gone, and resources whose
// creation the engine never saw the end of. Those that can be found are taken into the state, the others forgotten. Verb is
// what it is done for: the verb to run again when it fails. It returns what the state holds, as it was found.
func (s *Stack) recover(ctx context.Context, verb string) (apitype.DeploymentV3, error) {
	if err := s.recoverLock(ctx); err != nil {
		return apitype.DeploymentV3{}, err
	}
	state, d, err := s.export(ctx)
	if err != nil || len(d.PendingOperations) == 0 {
		return d, err
	}
	for _, op := range d.PendingOperations {
		s.pending = append(s.pending, name(string(op.Resource.URN)))
	}
	taken, err := s.adopt(ctx, &d)
	if err != nil {
		return d, err
	}
	s.opts.Notice("an earlier run was killed during %s: %s that it had created taken in", settings.Count(len(s.pending), "operation"), settings.Count(taken, "resource"))
	if taken > 0 {
		if state.Deployment, err = json.Marshal(d); err != nil {
			return d, fmt.Errorf("encode the state of stack %q: %w", s.opts.Environment, err)
		}
		if err := s.stack.Import(ctx, state); err != nil {
			return d, fmt.Errorf("mend the state of stack %q: %w", s.opts.Environment, s.cli.explain(err))
		}
	}
	w := watch(s.opts.Progress)
	_, err = s.stack.Refresh(ctx, optrefresh.EventStreams(w.events), optrefresh.ClearPendingCreates(), optrefresh.SuppressProgress(), optrefresh.Exclude(s.opts.Without))
	failures := w.wait()
	if err != nil {
		return d, s.failed(verb, ctx, err, failures)
	}
	return d, nil
}

// adopt moves the pending creations whose resource can be found into the deployment's resources, and counts them. A refresh
// afterwards reads what they really are. (The CLI's own --import-pending-creates, as of 3.253, marks them and leaves them.)
func (s *Stack) adopt(ctx context.Context, d *apitype.DeploymentV3) (int, error) {
	if s.opts.Find == nil {
		return 0, nil
	}
	urns := map[string]bool{}
	for _, r := range d.Resources {
		urns[string(r.URN)] = true
	}
	var open []apitype.OperationV2
	for _, op := range d.PendingOperations {
		r := op.Resource
		if op.Type == apitype.OperationTypeCreating && !urns[string(r.URN)] {
			found, err := s.unrecorded(ctx, r, d.Resources)
			if err != nil {
				return 0, fmt.Errorf("look for what an earlier run created: %w", err)
			}
			if len(found) == 1 { // with several there is no telling which
				r.ID, r.Outputs = resource.ID(found[0]), r.Inputs
				d.Resources = append(d.Resources, r)
				continue
			}
		}
		open = append(open, op)
	}
	taken := len(d.PendingOperations) - len(open)
	d.PendingOperations = open
	return taken, nil
}

// unrecorded lists the ids of what was made from a resource's inputs, less what the state has already.
func (s *Stack) unrecorded(ctx context.Context, r apitype.ResourceV3, recorded []apitype.ResourceV3) ([]string, error) {
	found, err := s.opts.Find(ctx, string(r.Type), r.Inputs)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, other := range recorded {
		if other.Type != r.Type || !slices.Contains(slices.Collect(maps.Values(found)), string(other.ID)) {
			continue
		}
		// The same id may be another resource, in another region: only what its own inputs lead to is recorded.
		known, err := s.opts.Find(ctx, string(other.Type), other.Inputs)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(found, func(key, id string) bool { return known[key] == string(other.ID) })
	}
	return slices.Collect(maps.Values(found)), nil
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
		return fmt.Errorf("release the stack's lock: %w", s.cli.explain(err))
	}
	return nil
}

// recoverState puts the newest whole copy in the place of a state file that a killed CLI has left half written: the file
// backend writes in place, after keeping the state before as .bak.
func recoverState(opts Options) error {
	dir, ok := fileBackend(opts.Env["PULUMI_BACKEND_URL"])
	if !ok {
		return nil
	}
	if err := dropCutAttributes(filepath.Join(dir, ".pulumi")); err != nil {
		return err
	}
	file := filepath.Join(dir, ".pulumi", "stacks", Project, opts.Environment+".json")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) || err == nil && json.Valid(b) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the state of stack %q: %w", opts.Environment, err)
	}
	copies := []string{file + ".bak"}
	for _, pattern := range []string{
		filepath.Join(dir, ".pulumi", "backups", Project, opts.Environment, "*.json"),
		filepath.Join(dir, ".pulumi", "history", Project, opts.Environment, "*.checkpoint.json"),
	} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		slices.Sort(more)
		slices.Reverse(more) // their names carry the time: the newest first
		copies = append(copies, more...)
	}
	for _, c := range copies {
		b, err := os.ReadFile(c)
		if err != nil || !json.Valid(b) {
			continue
		}
		opts.Notice("the state of %q was cut off while it was written: going back to %s", opts.Environment, filepath.Base(c))
		return os.WriteFile(file, b, 0o600)
	}
	return fmt.Errorf("%s is damaged and there is no whole copy of it: on local clouds, `polygate destroy --force` starts afresh", file)
}

// dropCutAttributes removes the side files of the file backend (gocloud.dev/blob/fileblob: content type and checksum beside
// each file) that were cut off while they were written. A file without one is read as it is; one with half of one is not.
func dropCutAttributes(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() || filepath.Ext(path) != ".attrs" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || json.Valid(b) {
			return err
		}
		return os.Remove(path)
	})
}

// fileBackend gives the folder of a file:// backend.
func fileBackend(backend string) (string, bool) {
	u, err := url.Parse(backend)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return filepath.FromSlash(u.Path), true
}
