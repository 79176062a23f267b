package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"polygate.example/tools/internal/status"
)

// TestStatusExitCode: a script reads from the exit code whether every region is healthy.
func TestStatusExitCode(t *testing.T) {
	for _, c := range []struct {
		status string
		err    error
		want   int
	}{{status.OK, nil, ExitOK}, {status.Degraded, nil, ExitFailed}, {status.Down, nil, ExitFailed}, {"", errors.New("no answer"), ExitFailed}} {
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
