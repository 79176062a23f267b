package resource

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// TestChangesShareRuns: changes that come while the hook runs are seen by one more run, which each of them waits for.
func TestChangesShareRuns(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const others = 10
	var runs, seen atomic.Int32
	running, goOn := make(chan struct{}), make(chan struct{})
	s.OnChange(func() {
		if runs.Add(1) == 1 {
			close(running)
			<-goOn
			return
		}
		seen.Store(int32(len(s.View().All())))
	})
	var wg sync.WaitGroup
	put := func(id string) {
		if err := s.Seed(Record{Type: "box", ID: id}); err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() { put("first") })
	<-running
	for i := range others {
		wg.Go(func() {
			put(fmt.Sprint("other-", i))
			if seen.Load() == 0 {
				t.Error("a change returned before the hook had seen it")
			}
		})
	}
	for { // until all of them wait for the hook
		changed := s.changes()
		s.changeMu.Lock()
		n := s.announced
		s.changeMu.Unlock()
		if n == others+1 {
			break
		}
		<-changed
	}
	close(goOn)
	wg.Wait()
	if n := runs.Load(); n != 2 {
		t.Errorf("%d runs for a change and %d during its run, want 2", n, others)
	}
	if n := seen.Load(); n != others+1 {
		t.Errorf("the last run saw %d records, want %d", n, others+1)
	}
}
