package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/process"
)

// recover clears what a run that was killed outright has left behind: a lock whose owner is gone, and resources whose
// creation the engine never saw the end of. Where somebody knows of them, the next run is given them; elsewhere they are
// forgotten, and named when it fails. Verb is what it is done for: the verb to run again when it fails. It returns what the state
// holds, as it was found.
func (s *Stack) recover(ctx context.Context, verb string) (apitype.DeploymentV3, error) {
	killed, err := s.recoverLock(ctx)
	if err != nil {
		return apitype.DeploymentV3{}, err
	}
	d, err := s.recorded(ctx)
	if err != nil {
		return d, err
	}
	beside, gone, err := s.witnessed(ctx, d)
	if err != nil {
		return d, err
	}
	switch {
	case beside+gone > 0:
		s.opts.Notice("an earlier run was killed: of what it did, the state does not know %s that it made, and %d that it removed", settings.Count(beside, "resource"), gone)
	case len(d.PendingOperations) > 0:
		s.opts.Notice("an earlier run was killed during %s", settings.Count(len(d.PendingOperations), "operation"))
	case !killed:
		return d, nil
	}
	if s.opts.Witness == nil {
		for _, op := range d.PendingOperations {
			s.pending = append(s.pending, name(string(op.Resource.URN)))
		}
	}
	// What it removed is in the state still, and what it began is in nobody's.
	w := watch(s.opts.Progress)
	_, err = s.stack.Refresh(ctx, optrefresh.EventStreams(w.events), optrefresh.ClearPendingCreates(), optrefresh.SuppressProgress(), optrefresh.Exclude(s.opts.Without),
		optrefresh.Parallel(parallel))
	failures := w.wait()
	if err != nil {
		return d, s.failed(verb, ctx, err, failures)
	}
	return d, nil
}

// recorded is what the state holds. That of a file backend is read as it lies there, which takes no start of Pulumi's CLI: nobody else is at
// work on it, and what is encrypted in it is of no interest here.
func (s *Stack) recorded(ctx context.Context) (apitype.DeploymentV3, error) {
	dir, ok := fileBackend(s.opts.Env["PULUMI_BACKEND_URL"])
	if !ok {
		_, d, err := s.export(ctx)
		return d, err
	}
	var file struct {
		Version    int
		Checkpoint struct{ Latest *apitype.DeploymentV3 }
	}
	b, err := os.ReadFile(stateFile(dir, s.opts.Environment))
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	// Version 4 is 3 with a list of features. What is compressed, or of another version, can be read by whoever wrote it.
	if err != nil || file.Version != 3 && file.Version != 4 {
		_, d, err := s.export(ctx)
		return d, err
	}
	if file.Checkpoint.Latest == nil {
		return apitype.DeploymentV3{}, nil
	}
	return *file.Checkpoint.Latest, nil
}

// stateFile is where a file backend keeps the state of a stack.
func stateFile(dir, environment string) string {
	return filepath.Join(dir, ".pulumi", "stacks", Project, environment+".json")
}

// witnessed holds the state against what there is, where somebody knows.
func (s *Stack) witnessed(ctx context.Context, d apitype.DeploymentV3) (beside, gone int, err error) {
	if s.opts.Witness == nil {
		return 0, 0, nil
	}
	var recorded []resource.Known
	for _, r := range d.Resources {
		if r.Custom {
			recorded = append(recorded, resource.Known{URN: string(r.URN), Type: string(r.Type), ID: string(r.ID)})
		}
	}
	if beside, gone, err = s.opts.Witness.Disown(ctx, recorded); err != nil {
		return 0, 0, fmt.Errorf("look for what an earlier run did: %w", err)
	}
	return beside, gone, nil
}

// sweep has removed what a killed run made and this one, having gone to its end, has not.
func (s *Stack) sweep(ctx context.Context) error {
	if s.opts.Witness == nil {
		return nil
	}
	removed, err := s.opts.Witness.Sweep(ctx)
	for _, what := range removed {
		s.opts.Notice("removed what a killed run had made, and the stack has no more: %s", what)
	}
	return err
}

// lock is the file a Pulumi file backend keeps while an update runs.
type lock struct {
	PID      int    `json:"pid"`
	Hostname string `json:"hostname"`
}

// cutOff is how long a lock that cannot be read may be one that is being written.
const cutOff = 5 * time.Second

// recoverLock removes the locks of a file backend whose owner ran on this machine and is gone, and reports whether there was one. Locks
// of living processes and of other machines are left for the engine to refuse.
func (s *Stack) recoverLock(ctx context.Context) (killed bool, err error) {
	dir, ok := fileBackend(s.opts.Env["PULUMI_BACKEND_URL"])
	if !ok {
		return false, nil
	}
	// Layout of the file backend: .pulumi/locks/organization/<project>/<stack>/<id>.json
	files, err := filepath.Glob(filepath.Join(dir, ".pulumi", "locks", "organization", Project, s.opts.Environment, "*.json"))
	if err != nil || len(files) == 0 {
		return false, err
	}
	stale := false
	host, err := os.Hostname()
	if err != nil {
		return false, fmt.Errorf("compare the stack's lock with this machine: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // released in the meantime
		}
		var l lock
		if json.Unmarshal(b, &l) != nil {
			// Cut off while it was written, which takes no time: whoever began to is gone.
			if info, err := os.Stat(f); err == nil && time.Since(info.ModTime()) > cutOff {
				s.opts.Notice("removing the lock %s, which was cut off while it was written", filepath.Base(f))
				if err := os.Remove(f); err != nil {
					return false, fmt.Errorf("remove a lock that was cut off: %w", err)
				}
				killed = true
				continue
			}
			return false, nil
		}
		if l.Hostname != host || process.Alive(l.PID) {
			return false, nil
		}
		stale = true
		s.opts.Notice("releasing the lock of process %d, which is gone", l.PID)
	}
	if !stale {
		return killed, nil
	}
	if err := s.stack.Cancel(ctx); err != nil {
		return false, fmt.Errorf("release the stack's lock: %w", s.cli.explain(err))
	}
	return true, nil
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
	file := stateFile(dir, opts.Environment)
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
