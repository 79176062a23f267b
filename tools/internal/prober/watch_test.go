package prober

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func watch(t *testing.T, o WatchOptions) *Watcher {
	t.Helper()
	o.Name = host
	w, err := Watch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// changes waits until a number of changes has been seen.
func changes(t *testing.T, w *Watcher, n int) []Answer {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if a := w.Answers(); len(a) >= n {
			return a
		}
	}
	t.Fatalf("%d changes seen, want %d: %+v", len(w.Answers()), n, w.Answers())
	return nil
}

func TestWatch(t *testing.T) {
	one := newWorld(t)
	one.say("", "example.com. 60 IN CNAME use1.example.com.\nuse1.example.com. 60 IN A 192.0.2.2\nuse1.example.com. 60 IN A 192.0.2.1")
	begun := time.Now()
	w := watch(t, WatchOptions{
		Servers: []Server{{Name: "authority", Address: one.dns}}, Every: 5 * time.Millisecond, Timeout: 100 * time.Millisecond, Begun: begun,
	})
	changes(t, w, 1)
	one.say("", "example.com. 60 IN CNAME use1.example.com.\nuse1.example.com. 60 IN A 192.0.2.1\nuse1.example.com. 60 IN A 192.0.2.2") // shuffled
	for asked, _ := w.Asked(); ; {
		if now, _ := w.Asked(); now > asked+2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	before := time.Since(begun)
	one.say("", "example.com. 30 IN A 192.0.2.3")
	moved := changes(t, w, 2)[1]
	if moved.At < before || moved.At > time.Since(begun) {
		t.Errorf("moved at %s, the change was made at %s", moved.At, before)
	}
	one.mu.Lock()
	one.silent = true
	one.mu.Unlock()
	changes(t, w, 3)
	one.mu.Lock()
	one.silent = false
	one.mu.Unlock()
	got := changes(t, w, 4)
	w.Stop()
	for i := range got {
		got[i].At = 0
	}
	want := []Answer{
		{Server: "authority", Targets: []string{"use1.example.com", "192.0.2.1", "192.0.2.2"}, TTL: time.Minute},
		{Server: "authority", Targets: []string{"192.0.2.3"}, TTL: 30 * time.Second},
		{Server: "authority", Err: "read: i/o timeout"},
		{Server: "authority", Targets: []string{"192.0.2.3"}, TTL: 30 * time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Each vantage sees what is said to clients where it is.
func TestWatchFromSomewhere(t *testing.T) {
	one := newWorld(t)
	one.say("198.51.100.0/24/0", "example.com. 60 IN A 192.0.2.2")
	w := watch(t, WatchOptions{Every: 5 * time.Millisecond, Servers: []Server{
		{Name: "here", Address: one.dns}, {Name: "there", Address: one.dns, Subnet: netip.MustParsePrefix("198.51.100.7/24")},
	}})
	got := map[string][]string{}
	for _, a := range changes(t, w, 2) {
		got[a.Server] = a.Targets
	}
	if want := map[string][]string{"here": {"192.0.2.1"}, "there": {"192.0.2.2"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWatchOptions(t *testing.T) {
	for name, o := range map[string]WatchOptions{
		"no name":       {Servers: []Server{{Address: "127.0.0.1:53"}}, Every: time.Second},
		"no server":     {Name: host, Every: time.Second},
		"no interval":   {Name: host, Servers: []Server{{Address: "127.0.0.1:53"}}},
		"empty address": {Name: host, Servers: []Server{{Name: "a"}}, Every: time.Second},
	} {
		if w, err := Watch(t.Context(), o); err == nil {
			t.Errorf("%s: %+v", name, w)
		}
	}
}
