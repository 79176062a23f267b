package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// rounds is how often each server is started. All are started in turns, so that what else the machine does meets them alike.
const rounds = 25

// server is a plain server with the parts of a document.
type server struct{ binary, model string }

// build builds one at a path, as artefacts are built and of what one has.
func build(ctx context.Context, checkout, path string, p packed) (server, error) {
	s := server{binary: path, model: path + ".json"}
	if err := os.WriteFile(s.model, p.model, 0o644); err != nil {
		return s, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", p.tags, "-ldflags", "-s -w", "-o", path, "./functions/server")
	cmd.Dir, cmd.Env = checkout, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return s, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return s, nil
}

// start starts one, and returns how long it takes until it listens: by then the model is read and every policy made.
func (s server) start(ctx context.Context) (took time.Duration, err error) {
	cmd := exec.CommandContext(ctx, s.binary, "-model", s.model, "-listen", "127.0.0.1:0")
	cmd.Env = []string{} // nothing of the caller's
	log, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var said []string
	for lines := bufio.NewScanner(log); took == 0 && lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "listening") {
			took = time.Since(begun)
		}
	}
	if took == 0 {
		err = fmt.Errorf("the server did not start: %s", strings.Join(said, "\n"))
	}
	return took, errors.Join(err, cmd.Process.Signal(syscall.SIGKILL), ended(cmd.Wait()))
}

// ended is nil for a process that was killed, as it should.
func ended(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// race starts all of them in turns, and notes the median of each.
func race(ctx context.Context, servers []server, rows []Row) error {
	took := make([][]float64, len(servers))
	for range rounds {
		for i, s := range servers {
			d, err := s.start(ctx)
			if err != nil {
				return fmt.Errorf("with %s: %w", rows[i].name(), err)
			}
			took[i] = append(took[i], d.Seconds())
		}
	}
	for i := range rows {
		slices.Sort(took[i])
		rows[i].Start = took[i][rounds/2]
		rows[i].Beside = rows[i].Start / rows[0].Start
	}
	return nil
}
