package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/process"
	"polygate.example/tools/internal/pulumicli"
)

func (a *app) upCommand() *cobra.Command {
	var how manner
	c := &cobra.Command{
		Use:   "up",
		Short: "Build and deploy an environment",
		Long: `up builds the artefacts and deploys the environment with Pulumi: the same program, project file and stack file that
a plain "pulumi up" uses. An environment with local clouds gets them started first. Interrupted, it can be run again.

While the API of a traffic manager is down, --without deploys the rest: what that manager holds stays as it is, and is neither read nor changed.
The next up without the flag brings it level. Another polygate:manager for a stack that serves is refused, unless it is done by the
safe way, through polygate:spare, or --cut-over says that clients may be cut off.`,
		Example: "  polygate up -s local\n  polygate up -s prod --without route53",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, stack, unlock, err := a.prepare(ctx, how)
			if err != nil {
				return err
			}
			defer unlock()
			if err := a.permitted(ctx, s, stack, how); err != nil {
				return err
			}
			before, err := a.standing(ctx, stack)
			if err != nil {
				return err
			}
			alone, release, err := a.hold(ctx, s, before, purposeRelease)
			if err != nil {
				return err
			}
			defer release()
			stop := a.heartbeat(a.atWork)
			t, err := stack.Up(alone)
			stop()
			if err != nil {
				return overtaken(alone, err)
			}
			if err := a.saveTopology(t); err != nil {
				return err
			}
			stand := "stand"
			if len(t.Regions) == 1 {
				stand = "stands"
			}
			a.step("up: %s %s behind %s", settings.Count(len(t.Regions), "region"), stand, t.Hostname)
			for _, manager := range how.without {
				a.step("what %s holds is as it was: run `polygate up -s %s` when its API answers again", manager, a.stack)
			}
			if how.cutOver && a.led(ctx, s) != s.Manager {
				a.step("clients of %s are cut off until it is delegated to %s: %s", s.Zone, s.Manager, a.delegating(s))
			}
			if s.Route53.RoutingControls {
				a.step("a new routing control is off, and while all of them are nothing fails over: infra/failover/route53/README.md says how to switch them on")
			}
			return a.welcome(ctx, s)
		},
	}
	how.flags(a, c)
	c.Flags().BoolVar(&how.cutOver, "cut-over", false, "do what cuts clients off: another polygate:manager before the delegation follows, a front before regions that serve")
	return c
}

func (a *app) destroyCommand() *cobra.Command {
	var yes, force bool
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Remove everything an environment deployed",
		Long: `destroy removes every resource of the environment and its empty stack; the stack file stays, and what was
built under dist/<env>/. With local clouds it stops them too and removes all they kept on this machine, dist/<env>/ included.`,
		Example: "  polygate destroy -s local\n  polygate destroy -s staging --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, whole, err := a.remaining()
			if err != nil {
				return err
			}
			local := a.local(s, whole) == nil
			if !local && !yes {
				return usageError{fmt.Errorf("destroy takes %q out of service: say --yes if that is what you want", a.stack)}
			}
			if force && !local {
				return usageError{fmt.Errorf("--force would leave everything that %q has in the clouds behind: it is for local clouds", a.stack)}
			}
			unlock, err := a.lock()
			if err != nil {
				return err
			}
			defer unlock()
			_, neverUp := a.stateFile()
			if !force && (!local || neverUp == nil) {
				err := a.destroy(ctx, s, local)
				// What a killed run left behind may keep Pulumi from finishing. On local clouds it goes with the clouds.
				if err != nil && (!local || ctx.Err() != nil) {
					return err
				}
				if errors.Is(err, deploy.ErrProtected) {
					return fmt.Errorf("%w; `polygate destroy -s %s --force` removes local clouds with all they hold", err, a.stack)
				}
				if err != nil {
					a.step("destroy: %v", err)
					a.step("destroy: removing the local clouds with all that is left in them")
				}
			}
			if !local {
				kept := ""
				if slices.Contains(s.Providers(), "gcp") {
					kept = ", but for the log bucket at Google, which is meant to outlive the stack (infra/provider/gcp/README.md)"
				}
				a.step("destroy: nothing of %s is left in the clouds%s; what was built for it stays in %s", a.stack, kept, a.dist())
				return nil
			}
			if err := a.removeClouds(ctx); err != nil {
				return err
			}
			a.step("destroy: nothing of %s is left", a.stack)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirm, for an environment on real clouds")
	c.Flags().BoolVar(&force, "force", false, "on local clouds: remove them with all they hold, without asking Pulumi")
	return c
}

// destroy has Pulumi remove everything. Local clouds that run are asked as they are, whatever the stack file has become.
func (a *app) destroy(ctx context.Context, s settings.Settings, local bool) error {
	if s.LocalClouds != nil {
		if _, err := a.startClouds(ctx, s, false); err != nil {
			return err
		}
	} else if _, err := localcloud.ReadState(ctx, a.cloudDir()); local && errors.Is(err, localcloud.ErrNotRunning) {
		return fmt.Errorf("%w, and this stack file could not start them", err)
	}
	stack, err := a.open(ctx, local)
	if err != nil {
		return err
	}
	before, err := a.standing(ctx, stack)
	if err != nil {
		return err
	}
	_, release, err := a.hold(ctx, s, before, purposeDestroy)
	if err != nil {
		return err
	}
	defer release()
	stop := a.heartbeat(a.atWork)
	err = stack.Destroy(ctx)
	stop()
	if err == nil && local {
		err = a.residue(ctx)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(a.topologyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// residue fails when local clouds hold anything that a deployment made, after Pulumi has removed all it knows of.
func (a *app) residue(ctx context.Context) error {
	c, err := a.cloudClient(ctx)
	if err != nil {
		return err
	}
	left, err := c.Deployed(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("%s left, and Pulumi has removed all it knows of:\n  %s", are(len(left)), strings.Join(left, "\n  "))
}

// are counts resources as the subject of a sentence.
func are(n int) string {
	if n == 1 {
		return "1 resource is"
	}
	return fmt.Sprintf("%d resources are", n)
}

// prepare does all that comes before Pulumi: it reads the dials, sees that what it will need is there, makes sure that nobody
// else is at work on the environment, packs the artefacts and has local clouds running.
func (a *app) prepare(ctx context.Context, how manner) (s settings.Settings, stack *deploy.Stack, unlock func(), err error) {
	if s, err = a.settings(); err != nil {
		return s, nil, nil, err
	}
	if err = named(s, how.without); err != nil {
		return s, nil, nil, err
	}
	if err = a.ready(ctx, s); err != nil {
		return s, nil, nil, err
	}
	if err = a.warnIdle(s); err != nil {
		return s, nil, nil, err
	}
	release, err := a.lock()
	if err != nil {
		return s, nil, nil, err
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	if t, ok := a.unchanged(); ok { // before clouds are started anew for these dials, which ends faults in force
		if err = a.admits(ctx, &t, s, how); err != nil {
			return s, nil, nil, err
		}
	}
	if _, err = a.build(ctx, s); err != nil {
		return s, nil, nil, err
	}
	if s.LocalClouds != nil {
		if _, err = a.startClouds(ctx, s, false); err != nil {
			return s, nil, nil, err
		}
	}
	stack, err = a.openWithout(ctx, s, how.without)
	return s, stack, release, err
}

// ready sees, before anything is built, that what a deployment needs beside the two files is there: addresses for local
// clouds to listen on, or somebody who keeps the state and the certificate that is brought along.
func (a *app) ready(ctx context.Context, s settings.Settings) error {
	if s.LocalClouds == nil {
		_, err := a.backend()
		certificateErr := a.checkCertificate(s, time.Now())
		if errors.Is(certificateErr, fs.ErrNotExist) {
			names, namesErr := infra.CertificateNames(s)
			certificateErr = errors.Join(fmt.Errorf("%w: %s", certificateErr, a.issue(s, names)), namesErr)
		}
		if certificateErr != nil {
			certificateErr = usageError{certificateErr}
		}
		return errors.Join(a.realClouds(), err, certificateErr)
	}
	if _, err := localcloud.ReadState(ctx, a.cloudDir()); !errors.Is(err, localcloud.ErrNotRunning) {
		return err
	}
	opts, err := a.cloudOptions(s)
	if err != nil {
		return err
	}
	return a.addressesFree(opts)
}

// lock keeps two runs on this machine from working on one environment; Pulumi's own lock keeps the rest of the world out. The
// run gets a folder for temporary files of its own.
func (a *app) lock() (unlock func(), err error) {
	if err := os.MkdirAll(a.workDir(), 0o755); err != nil {
		return nil, fmt.Errorf("make room for %s: %w", a.stack, err)
	}
	release, err := process.TryLock(filepath.Join(a.workDir(), "lock"))
	if errors.Is(err, process.ErrLocked) {
		return nil, blocked{fmt.Errorf("another polygate is at work on %q: wait for it to end, or stop it", a.stack)}
	}
	if err != nil {
		return nil, err
	}
	end, err := a.scratch()
	if err != nil {
		release()
		return nil, err
	}
	return func() {
		end()
		release()
	}, nil
}

// open prepares the environment's stack with a CLI that will do.
func (a *app) open(ctx context.Context, local bool) (*deploy.Stack, error) {
	opts, err := a.deployment(ctx, local)
	if err != nil {
		return nil, err
	}
	return deploy.Open(ctx, opts)
}

// openWithout prepares it so that what the named managers hold is left as it is.
func (a *app) openWithout(ctx context.Context, s settings.Settings, without []string) (*deploy.Stack, error) {
	opts, err := a.deployment(ctx, s.LocalClouds != nil)
	if err != nil {
		return nil, err
	}
	opts.Program = infra.Program(a.root, without...)
	if opts.Without, err = infra.Of(without...); err != nil {
		return nil, err
	}
	if opts.Needs, err = a.needs(s, without); err != nil {
		return nil, err
	}
	return deploy.Open(ctx, opts)
}

// deployment says what Pulumi is to drive, with a CLI that will do.
func (a *app) deployment(ctx context.Context, local bool) (deploy.Options, error) {
	a.diff = &wholeLines{output: a.output, to: cmp.Or(a.diffs, a.out)}
	opts := deploy.Options{
		Root: a.root, Environment: a.stack, Program: infra.Program(a.root), Env: map[string]string{"PULUMI_SKIP_UPDATE_CHECK": "true"},
		Progress: a.progress(), Notice: a.step, Diff: a.diff,
	}
	if local {
		st, err := a.cloudState(ctx)
		if err != nil {
			return opts, err
		}
		if opts.Env, err = a.localEnv(st); err != nil {
			return opts, err
		}
		// Its backends for files and buckets write all of the state before and after each operation, which costs the square of what there is.
		// Local clouds know what a run has made that was killed before the end, so that here it is written then.
		opts.Env["PULUMI_SKIP_CHECKPOINTS"] = "true"
		opts.Witness = localcloud.NewClient(st)
	} else {
		backend, err := a.backend()
		if err := errors.Join(a.realClouds(), err); err != nil {
			return opts, err
		}
		opts.Backend = backend
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return opts, fmt.Errorf("find a place to keep the Pulumi CLI: %w", err)
	}
	cli, err := pulumicli.Find(ctx, pulumicli.Options{
		Module:   filepath.Join(a.root, "tools", "pulumi"),
		Cache:    filepath.Join(cache, "polygate", "pulumi"),
		Progress: a.step,
	})
	if err != nil {
		return opts, err
	}
	opts.CLI = cli
	return opts, nil
}

// progress prints failures at once and a running count every two seconds, so that a deployment of a hundred resources
// neither floods the screen nor falls silent.
func (a *app) progress() func(deploy.Progress) {
	var last time.Time
	return func(p deploy.Progress) {
		what := p.Type[strings.LastIndex(p.Type, ":")+1:] + " " + p.Name
		a.mu.Lock()
		if p.Finished {
			delete(a.begun, what)
		} else {
			a.begun[what] = true
		}
		a.mu.Unlock()
		switch {
		case p.Failed:
			a.step("failed: %s %s", p.Op, what)
		case p.Finished && time.Since(last) > 2*time.Second:
			last = time.Now()
			a.step("%s done, now: %s %s", settings.Count(p.Done, "resource"), p.Op, what)
		}
	}
}

// atWork names what the engine has begun and not ended; the components above are always among it and say nothing.
func (a *app) atWork() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for what := range a.begun {
		kind, _, _ := strings.Cut(what, " ")
		if !slices.Contains([]string{"Stack", "Gateway", "Region", "Account"}, kind) {
			names = append(names, what)
		}
	}
	slices.Sort(names)
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	if len(names) == 0 {
		return "still at work"
	}
	return "still at work on " + strings.Join(names, ", ")
}

func describe(c deploy.Changes) string {
	var parts []string
	for _, op := range []string{"create", "update", "replace", "delete", "unrecorded", "same"} {
		if c[op] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c[op], op))
		}
	}
	return strings.Join(parts, ", ")
}
