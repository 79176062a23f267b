package doctor

import (
	"context"
	"errors"
	"fmt"
	goversion "go/version"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"polygate.example/tools/internal/pulumicli"
)

// How far this machine's clock may be off. AWS refuses a request that was signed more than five minutes ago or ahead.
// Source: "Troubleshooting Signature Version 4", docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html.
const (
	clockWarns = 30 * time.Second
	clockFails = 4 * time.Minute
)

// Clock compares this machine's clock with what servers say in their answers' Date, which counts whole seconds. One that
// answers is enough, whatever its status.
func Clock(client *http.Client, now func() time.Time, urls ...string) Own {
	const remedy = "have the clock set by the network: `timedatectl set-ntp true`"
	return Own{Name: "clock", Run: func(ctx context.Context) Finding {
		var failed error
		for _, url := range urls {
			req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
			if err != nil {
				return Bad("", "%v", err)
			}
			before := now()
			res, err := client.Do(req)
			if err != nil {
				failed = err
				continue
			}
			res.Body.Close()
			date, err := http.ParseTime(res.Header.Get("Date"))
			if err != nil {
				failed = fmt.Errorf("%s says no date: %w", url, err)
				continue
			}
			off := before.Add(now().Sub(before) / 2).Sub(date) // the answer was made in the middle of the exchange
			text := fmt.Sprintf("%s from that of %s", off.Abs().Round(time.Second), req.URL.Host)
			switch {
			case off.Abs() > clockFails:
				return Bad(remedy, "%s: signatures will be refused", text)
			case off.Abs() > clockWarns:
				return Warn(remedy, "%s", text)
			}
			return OK("%s", text)
		}
		return Bad("see that the network lets this machine through", "no cloud answers: %v", failed)
	}}
}

// Pulumi looks for a CLI that will do, and builds none.
func Pulumi(opts pulumicli.Options) Own {
	return Own{Name: "Pulumi", Run: func(ctx context.Context) Finding {
		c, err := pulumicli.Present(ctx, opts)
		switch {
		case errors.Is(err, pulumicli.ErrAbsent):
			return Warn("the next `polygate up` builds one, in 3 to 6 minutes on two cores; or install it and put it on PATH", "%v", err)
		case err != nil:
			return Bad("restore tools/pulumi of the checkout", "%v", err)
		}
		return OK("%s at %s", c.Version(), c.Path())
	}}
}

// Go looks for a toolchain that is as new as the module asks, for artefacts are packed on this machine.
func Go(root, want string) Own {
	return Own{Name: "Go", Run: func(ctx context.Context) Finding {
		const remedy = "install Go from go.dev/dl, and put it on PATH"
		cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
		cmd.Dir = root // where go.mod chooses the toolchain
		out, err := cmd.Output()
		if err != nil {
			return Bad(remedy, "`go env GOVERSION` in %s: %v", filepath.Clean(root), err)
		}
		have := strings.TrimSpace(string(out))
		if goversion.Compare(have, "go"+want) < 0 {
			return Bad(remedy, "%s, and go.mod wants %s", have, want)
		}
		return OK("%s", have)
	}}
}

// leastDisk is what a build and a deployment need at least: the SDKs of the providers compile to about four gigabytes of
// cache on a machine that has none.
const leastDisk = 5 << 30

// Disk looks at the room that is left where things are built and kept. free tells it for a folder, in bytes.
func Disk(free func(folder string) (uint64, error), folders ...string) Own {
	return Own{Name: "disk", Run: func(context.Context) Finding {
		var said []string
		for _, folder := range folders {
			n, err := free(folder)
			if err != nil {
				return Warn("", "%s: %v", folder, err)
			}
			said = append(said, fmt.Sprintf("%.1f GB free at %s", float64(n)/1e9, folder))
			if n < leastDisk {
				return Warn("make room: a first build takes about 4 GB; `go clean -cache` frees what builds have left", "%s", said[len(said)-1])
			}
		}
		return OK("%s", strings.Join(said, ", "))
	}}
}
