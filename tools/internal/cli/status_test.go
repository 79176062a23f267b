package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/status"
)

// TestStatusExitCode: a script reads from the exit code whether every region is healthy.
func TestStatusExitCode(t *testing.T) {
	for _, c := range []struct {
		status string
		err    error
		want   int
	}{{status.OK, nil, ExitOK}, {status.Warned, nil, ExitOK}, {status.Unknown, nil, ExitUnknown}, {status.Degraded, nil, ExitFailed}, {status.Down, nil, ExitFailed}, {"", errors.New("no answer"), ExitFailed}} {
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			a := &app{output: newOutput(&out, &bytes.Buffer{}, os.Getenv)}
			err := a.lookOnce(t.Context(), func(context.Context) (status.Report, error) {
				return status.Report{Hostname: "api.example.com", Status: c.status}, c.err
			}, asJSON)
			if got := exitCode(err); got != c.want {
				t.Errorf("%q, %v: exit code %d, want %d", c.status, c.err, got, c.want)
			}
			if (out.Len() > 0) != (c.err == nil) || asJSON && c.err == nil && !json.Valid(out.Bytes()) {
				t.Errorf("%q, %v: it shows %q", c.status, c.err, out.String())
			}
		}
	}
}

// TestFollow: --watch goes on whatever it sees, and ends well when the user has seen enough.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seen := []string{status.OK, status.Down, status.Degraded}
	looks := 0
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, os.Getenv)}
	err := a.follow(ctx, func(context.Context) (status.Report, error) {
		if looks == len(seen) {
			cancel()
			return status.Report{}, context.Canceled
		}
		looks++
		return status.Report{Status: seen[looks-1]}, nil
	}, true, time.Microsecond)
	if err != nil || looks != len(seen) {
		t.Errorf("%v after %d looks, want no error after %d", err, looks, len(seen))
	}
}

// TestNext: what `up` says of a loss does not name a region that has no traffic.
func TestNext(t *testing.T) {
	r := status.Report{Regions: []status.Region{{Name: "a"}, {Name: "b", Drained: true}, {Name: "c"}}}
	if got := next(r, "a"); got != "c take over" {
		t.Errorf("after a: %q", got)
	}
	if got := next(status.Report{Regions: r.Regions[:2]}, "a"); !strings.Contains(got, "without answers") {
		t.Errorf("after the last: %q", got)
	}
	r.Steering = "geo"
	if got := next(r, "a"); got != "the others take its clients" {
		t.Errorf("with others that serve: %q", got)
	}
}

// TestFollowing: who looks from the clients' seat never waits for the control seat, and is told of which moment what it says is.
func TestFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		look := following(t.Context(), 30*time.Second, func(context.Context) status.Control {
			asked++
			time.Sleep(10 * time.Second)
			return status.Control{Led: fmt.Sprint(asked), At: time.Now()}
		})
		begun := time.Now()
		if got := look(t.Context()); !got.At.IsZero() || !time.Now().Equal(begun) {
			t.Errorf("before anything is known: %+v after %s", got, time.Since(begun))
		}
		look(t.Context())
		time.Sleep(11 * time.Second)
		if got := look(t.Context()); got.Led != "1" || asked != 1 {
			t.Errorf("asked %d times, and told %+v", asked, got)
		}
		time.Sleep(40 * time.Second)
		if got := look(t.Context()); got.Led != "1" {
			t.Errorf("while it is asked anew: %+v", got)
		}
		time.Sleep(11 * time.Second)
		if got := look(t.Context()); got.Led != "2" {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func TestServersAreNamed(t *testing.T) {
	root := project(t, map[string]string{"Pulumi.dev.yaml": dev})
	for _, c := range [][]string{{"--resolver", "https://dns"}, {"--spare-server", "1.1.1.1:x"}} {
		if code, _, stderr := run(t, append([]string{"-C", root, "status", "-s", "dev"}, c...)...); code != ExitUsage || !strings.Contains(stderr, c[0]+": ") || !strings.Contains(stderr, "want host[:port]") {
			t.Errorf("%v: %d, %s", c, code, stderr)
		}
	}
}
