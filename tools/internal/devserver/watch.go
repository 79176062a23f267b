package devserver

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long files have to be quiet: an editor writes, renames and sets modes, and what stands there in between is nobody's document.
	settle = 100 * time.Millisecond
	// patience is the longest that a folder without rest keeps a change waiting.
	patience = time.Second
	// interval is how often files are looked at besides: nothing is told of folders that come later, and on some network file systems nothing at all.
	interval = 2 * time.Second
)

// watch calls changed when one of the files may have changed, or another beside it, until ctx ends. Folders are watched and not files: editors
// put a new file in the place of the old one, and whoever watches the old one sees nothing any more. It is quiet about folders that are not
// there, and sees them when they come. Which files there are may be another matter after a change.
func watch(ctx context.Context, named func() []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }() // nothing is lost by it
	var files, dirs []string
	var seen []stamp
	look := func() { // before what is there is read, so that nothing that comes then is missed
		files = named()
		for _, f := range files {
			if dir := filepath.Dir(f); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
		for _, dir := range dirs {
			if !slices.Contains(w.WatchList(), dir) {
				_ = w.Add(dir) // what is not there yet is looked for again
			}
		}
		seen = stamps(files)
	}
	read := func() {
		look()
		changed()
		if now := named(); !slices.Equal(now, files) { // what was read names others
			look()
			changed()
		}
	}
	read() // since whoever watches has read them
	tick := time.NewTicker(interval)
	defer tick.Stop()
	quiet := time.NewTimer(settle)
	quiet.Stop()
	var first time.Time // of the events that changed was not called for yet
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Events: // the watcher is closed when this returns, and not before
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(min(settle, max(0, patience-time.Since(first))))
		case err := <-w.Errors: // some events may be lost: look at once
			if err != nil {
				quiet.Reset(settle)
			}
		case <-quiet.C:
			first = time.Time{}
			read()
		case <-tick.C:
			for _, dir := range dirs {
				if !slices.Contains(w.WatchList(), dir) {
					_ = w.Add(dir)
				}
			}
			if now := stamps(files); !slices.Equal(now, seen) {
				quiet.Reset(0)
			}
		}
	}
}

// stamp tells versions of a file apart.
type stamp struct {
	size int64
	at   time.Time
}

func stamps(files []string) []stamp {
	out := make([]stamp, len(files))
	for i, f := range files {
		if info, err := os.Stat(f); err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}
