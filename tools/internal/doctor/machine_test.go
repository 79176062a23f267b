package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/pulumicli"
	"polygate.example/tools/internal/report"
)

func TestClock(t *testing.T) {
	at := func(off time.Duration) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", now.Add(-off).Format(http.TimeFormat))
			w.WriteHeader(http.StatusForbidden) // whatever it says, it says when
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	dead := "http://127.0.0.1:1"
	for _, c := range []struct {
		name   string
		urls   []string
		result report.Result
		detail string
	}{
		{"right", []string{at(0)}, report.OK, "0s from that of 127.0.0.1"},
		{"a little off", []string{at(20 * time.Second)}, report.OK, "20s"},
		{"off", []string{at(time.Minute)}, report.Warning, "1m0s"},
		{"behind", []string{at(-time.Minute)}, report.Warning, "1m0s"},
		{"too far off", []string{at(10 * time.Minute)}, report.Failed, "signatures will be refused"},
		{"the next answers", []string{dead, at(0)}, report.OK, "0s"},
		{"nobody answers", []string{dead}, report.Failed, "no cloud answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Clock(http.DefaultClient, func() time.Time { return now }, c.urls...).Run(t.Context())
			if got.Result != c.result || !strings.Contains(got.Detail, c.detail) || (got.Remedy == "") != (c.result == report.OK) {
				t.Errorf("%+v, want %s and %q", got, c.result, c.detail)
			}
		})
	}
}

func TestGo(t *testing.T) {
	root := t.TempDir()
	if got := Go(root, "1.20").Run(t.Context()); got.Result != report.OK || !strings.HasPrefix(got.Detail, "go1.") {
		t.Errorf("an old one wanted: %+v", got)
	}
	if got := Go(root, "1.999").Run(t.Context()); got.Result != report.Failed || !strings.Contains(got.Detail, "go.mod wants 1.999") || got.Remedy == "" {
		t.Errorf("a new one wanted: %+v", got)
	}
	t.Setenv("PATH", root)
	if got := Go(root, "1.20").Run(t.Context()); got.Result != report.Failed {
		t.Errorf("none there: %+v", got)
	}
}

func TestDisk(t *testing.T) {
	for _, c := range []struct {
		name string
		free uint64
		err  error
		want report.Result
	}{{"room", 50 << 30, nil, report.OK}, {"little room", 1 << 30, nil, report.Warning}, {"not told", 0, errors.New("no"), report.Warning}} {
		t.Run(c.name, func(t *testing.T) {
			if got := Disk(func(string) (uint64, error) { return c.free, c.err }, "/a", "/b").Run(t.Context()); got.Result != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
	if runtime.GOOS == "linux" {
		if n, err := Free(t.TempDir()); n == 0 || err != nil {
			t.Errorf("%d bytes are free here, %v", n, err)
		}
	}
}

func TestPulumi(t *testing.T) {
	module := t.TempDir()
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.253.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	opts := pulumicli.Options{Module: module, Cache: t.TempDir()}
	if got := Pulumi(opts).Run(t.Context()); got.Result != report.Warning || !strings.Contains(got.Detail, "3.253.0") {
		t.Errorf("none: %+v", got)
	}
	if err := os.WriteFile(filepath.Join(bin, "pulumi"), []byte("#!/bin/sh\necho v3.253.1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := Pulumi(opts).Run(t.Context()); got.Result != report.OK || !strings.Contains(got.Detail, "3.253.1 at "+bin) {
		t.Errorf("on PATH: %+v", got)
	}
	opts.Module = t.TempDir()
	if got := Pulumi(opts).Run(t.Context()); got.Result != report.Failed {
		t.Errorf("nobody says which: %+v", got)
	}
}

// A check that hangs is given up in time, and one that says why is heard.
func TestPatience(t *testing.T) {
	began := time.Now()
	got := one(t.Context(), 20*time.Millisecond, Own{Name: "deaf", Run: func(context.Context) Finding { <-t.Context().Done(); return Finding{} }})
	if got.Result != report.Failed || !strings.Contains(got.Detail, "no answer within 20ms") || time.Since(began) > 5*time.Second {
		t.Errorf("%+v after %s", got, time.Since(began))
	}
	got = one(t.Context(), time.Minute, Own{Name: "quick", Run: func(context.Context) Finding { return OK("here") }})
	if got.Result != report.OK || got.Detail != "here" || got.Name != "quick" {
		t.Errorf("%+v", got)
	}
}

// The resolver asks again over TCP what does not fit over UDP, and whom it is told to.
func TestResolver(t *testing.T) {
	address := dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		in := new(dns.Msg).SetReply(q)
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			in.Truncated = true
		} else if rr, err := dns.NewRR("example.com. 60 IN NS a.test."); err == nil {
			in.Answer = append(in.Answer, rr)
		}
		_ = w.WriteMsg(in) // a client that is gone has its answer
	}))
	for name, resolve := range map[string]func(*dns.Msg) (*dns.Msg, error){
		"by itself": func(q *dns.Msg) (*dns.Msg, error) { return NewResolver(address)(t.Context(), q, "") },
		"as told": func(q *dns.Msg) (*dns.Msg, error) {
			return NewResolver("127.0.0.1:1")(t.Context(), q, address)
		},
	} {
		in, err := resolve(new(dns.Msg).SetQuestion("example.com.", dns.TypeNS))
		if err != nil || len(in.Answer) != 1 {
			t.Errorf("%s: %v, %v", name, in, err)
		}
	}
}
