package prober

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSamples(t *testing.T) {
	w := newWorld(t)
	p := begin(t, w.options(40, Client{Name: "a", Reuse: true}, Client{Name: "b"}))
	await(t, p, "was due after half a second", func(s Sample) bool { return s.At > 500*time.Millisecond })
	p.Stop()
	all := p.Samples(0, time.Hour)
	for i, s := range all {
		if s.Err != None || s.Region != "one" || s.Status != 200 || s.Attempts != 1 || s.Took <= 0 || s.Address.String() != "127.0.0.1" {
			t.Fatalf("sample %d: %+v", i, s)
		}
		if i > 0 && s.At < all[i-1].At {
			t.Errorf("sample %d was due before the one before", i)
		}
		if s.Client == 1 && s.Reused {
			t.Errorf("sample %d: the second client used a connection again", i)
		}
	}
	if last := all[len(all)-1]; last.Client == 0 && !last.Reused {
		t.Errorf("the first client did not keep its connection: %+v", last)
	}
	some := p.Samples(100*time.Millisecond, 200*time.Millisecond)
	want := slices.DeleteFunc(slices.Clone(all), func(s Sample) bool { return s.At < 100*time.Millisecond || s.At >= 200*time.Millisecond })
	if len(want) == 0 || !slices.Equal(some, want) {
		t.Errorf("from 100 to 200 ms %+v, want %+v", some, want)
	}
	if st := p.Stats(); st.Sent != len(all) || st.Missed != 0 || st.Failed != 0 {
		t.Errorf("%+v of %d samples", st, len(all))
	}
}

func TestOptions(t *testing.T) {
	good := func() Options {
		return Options{Hostname: host, Server: "127.0.0.1:53", Clients: []Client{{Name: "a"}}, Rate: 1}
	}
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no name", func(o *Options) { o.Hostname = "" }, "no Hostname"},
		{"no server", func(o *Options) { o.Server = "" }, "no DNS server"},
		{"no clients", func(o *Options) { o.Clients = nil }, "0 clients: want 1 to 10000"},
		{"no rate", func(o *Options) { o.Rate = 0 }, "rate 0: want more than 0"},
		{"path without a slash", func(o *Options) { o.Path = "health" }, `path "health": want a slash`},
		{"negative timeout", func(o *Options) { o.Timeout = -1 }, "none may be negative"},
		{"too few in flight", func(o *Options) { o.InFlight, o.Clients = 1, make([]Client, 2) }, "1 requests in flight for 2 clients"},
		{"unknown resolver", func(o *Options) { o.Clients[0].Resolver = "lazy" }, `resolver "lazy" is not known: want exact, hold or serve-stale`},
		{"exact and holding", func(o *Options) { o.Clients[0].Hold = 1 }, "holds nothing"},
		{"not a name", func(o *Options) { o.Hostname = "exa mple" }, "invalid URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good()
			tt.change(&o)
			if p, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v: want %q", p, err, tt.want)
			}
		})
	}
}
