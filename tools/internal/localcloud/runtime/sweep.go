package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Folders in Options.Dir, each with one entry for each digest.
const (
	packagesDir = "packages"
	buildsDir   = "builds"
)

// sweep removes the packages and builds that no version of a function needs any more, and what a run that was killed left
// half done: every deployment brings new ones, tens of megabytes each. While something is being prepared it leaves
// everything alone; a later Apply sweeps.
func (r *Runtimes) sweep() {
	if !r.disk.TryLock() {
		return
	}
	defer r.disk.Unlock()
	needed := r.needed()
	var problems []error
	remove := func(path string) { problems = append(problems, os.RemoveAll(path)) }
	for _, kind := range []string{packagesDir, buildsDir} {
		dir := filepath.Join(r.o.Dir, kind)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
		for _, e := range entries {
			if !needed[e.Name()] {
				r.builds.forget(e.Name())
				remove(filepath.Join(dir, e.Name()))
			}
		}
	}
	stages, err := filepath.Glob(filepath.Join(r.o.Dir, buildsDir, "*", "stage-*"))
	problems = append(problems, err)
	for _, s := range stages {
		remove(s)
	}
	if err := errors.Join(problems...); err != nil {
		r.o.Logger.Warn("packages that nobody needs were not removed", "error", err)
	}
}

// needed are the digests of what is served, of what still finishes, and of what was checked and may be served next.
func (r *Runtimes) needed() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	needed := map[string]bool{}
	for _, e := range r.served {
		needed[filepath.Base(e.root)] = true
	}
	for e := range r.retired {
		needed[filepath.Base(e.root)] = true
	}
	for _, root := range r.checked {
		needed[filepath.Base(root)] = true
	}
	return needed
}
