package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/lock"
)

// What the lock of a stack is held for.
const (
	purposeRelease = "release"
	purposeDestroy = "destroy"
	purposeDrill   = "drill"
)

// hold keeps everybody else from working on the stack, wherever they are, as lock does on this machine, whose holder alone may call it. What
// cannot be asked is said and is no obstacle: these verbs are for outages, too. Without a topology nothing is deployed, or nobody knows what,
// and there is nothing to hold. What is done is done under the context that it returns: it ends when the stack is seen to be another's.
func (a *app) hold(ctx context.Context, s settings.Settings, t *topology.Topology, purpose string) (alone context.Context, release func(), err error) {
	if t == nil {
		return ctx, func() {}, nil
	}
	stores, err := a.stores(ctx, s, t)
	if err != nil {
		return nil, nil, err
	}
	opts := lock.Options{Purpose: purpose, Owner: owner(), InNeed: true, Notice: func(format string, args ...any) { a.step("%s", oneLine(fmt.Errorf(format, args...))) }}
	if opts.Place, err = a.place(); err != nil {
		return nil, nil, err
	}
	held, err := lock.Acquire(ctx, stores, opts)
	switch {
	case errors.Is(err, lock.ErrHeld):
		if by := (*lock.HeldError)(nil); errors.As(err, &by) && by.Holder.Purpose == purposeDrill {
			return nil, nil, blocked{fmt.Errorf("%w: `polygate drill abort -s %s` has it given up and mended, wherever it runs", err, a.stack)}
		}
		return nil, nil, blocked{fmt.Errorf("%w: wait for it to end; `polygate lock show -s %s` tells, and breaks the lock of who is gone", err, a.stack)}
	case errors.Is(err, lock.ErrNoQuorum):
		a.step("nobody can tell whether somebody else is at work on %s: %s", a.stack, oneLine(err))
		return ctx, func() {}, nil
	case err != nil:
		return nil, nil, err
	}
	alone, end := context.WithCancelCause(ctx)
	if purpose != purposeDestroy { // which takes the lock away with all else
		go func() {
			select {
			case <-alone.Done():
			case <-held.Lost(): // one that could not be renewed is nobody else's: an outage ends no verb that is for outages
				if errors.Is(held.Err(), lock.ErrTaken) {
					end(held.Err())
				}
			}
		}()
	}
	return alone, func() {
		end(nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
		defer cancel()
		if err := held.Release(ctx); err != nil && purpose != purposeDestroy {
			a.step("%s was not alone with the stack to its end: %v", purpose, err)
		}
	}, nil
}

// overtaken tells an error of what was ended because the stack is another's by that.
func overtaken(alone context.Context, err error) error {
	if why := context.Cause(alone); err != nil && errors.Is(why, lock.ErrTaken) {
		return fmt.Errorf("%w; `polygate lock show` tells, and when the other is through the same command does the rest: %w", why, err)
	}
	return err
}

// owner is who works here, for people.
func owner() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s, process %d", name, host, os.Getpid())
}

// place names the working folder of the environment, which one process at a time works in. The name is given at first use, and holds for this
// host and this very file: a folder that was copied is another place.
func (a *app) place() (string, error) {
	path := filepath.Join(a.workDir(), "place")
	b, err := os.ReadFile(path)
	name := strings.TrimSpace(string(b))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("name this folder: %w", err)
	}
	if name == "" {
		name = rand.Text()
		if err := errors.Join(os.MkdirAll(a.workDir(), 0o755), os.WriteFile(path, []byte(name+"\n"), 0o600)); err != nil {
			return "", fmt.Errorf("name this folder: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("name this folder: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this folder: %w", err)
	}
	if at, ok := info.Sys().(*syscall.Stat_t); ok {
		name += fmt.Sprintf("-%d", at.Ino)
	}
	return name + "@" + host, nil
}
