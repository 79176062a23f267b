package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/pulumicli"
)

func (a *app) upCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Build and deploy an environment",
		Long: `up builds the artefacts and deploys the environment with Pulumi: the same program, project file and stack file that
a plain "pulumi up" uses. An environment with local clouds gets them started first. Interrupted, it can be run again.`,
		Example: "  polygate up -s local",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, stack, err := a.prepare(ctx)
			if err != nil {
				return err
			}
			stop := a.heartbeat("still deploying")
			t, err := stack.Up(ctx)
			stop()
			if err != nil {
				return err
			}
			if err := a.saveTopology(t); err != nil {
				return err
			}
			a.step("up: %d regions stand behind %s", len(t.Regions), t.Hostname)
			return a.welcome(ctx, s)
		},
	}
}

func (a *app) previewCommand() *cobra.Command {
	var exit bool
	c := &cobra.Command{
		Use:     "preview",
		Short:   "Show what up would change, and change nothing",
		Example: "  polygate preview -s prod --exit-code",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			_, stack, err := a.prepare(ctx)
			if err != nil {
				return err
			}
			changes, err := stack.Preview(ctx)
			if err != nil {
				return err
			}
			if !changes.Any() {
				a.result("%s: no changes\n", a.stack)
				return nil
			}
			a.result("%s: changes: %s\n", a.stack, describe(changes))
			if exit {
				return unhealthy{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&exit, "exit-code", false, "exit with 1 when there are changes")
	return c
}

func (a *app) destroyCommand() *cobra.Command {
	var yes, force bool
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Remove everything an environment deployed",
		Long: `destroy removes every resource of the environment and its empty stack; the stack file stays. With local clouds it
stops them too and removes all they kept on this machine.`,
		Example: "  polygate destroy -s local\n  polygate destroy -s staging --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, err := a.settings()
			if err != nil {
				return err
			}
			if s.LocalClouds == nil && !yes {
				return usageError{fmt.Errorf("destroy takes %q out of service: say --yes if that is what you want", a.stack)}
			}
			if force && s.LocalClouds == nil {
				return usageError{fmt.Errorf("--force would leave everything that %q has in the clouds behind: it is for local clouds", a.stack)}
			}
			if force {
				if err := a.removeClouds(ctx); err != nil {
					return err
				}
				a.step("destroy: nothing of %s is left", a.stack)
				return nil
			}
			if s.LocalClouds != nil && !a.deployed() {
				a.step("destroy: nothing is deployed in %s", a.stack)
				return a.removeClouds(ctx)
			}
			if s.LocalClouds != nil {
				if _, err := a.startClouds(ctx); err != nil {
					return err
				}
			}
			stack, err := a.open(ctx, s)
			if err != nil {
				return err
			}
			stop := a.heartbeat("still destroying")
			err = stack.Destroy(ctx)
			stop()
			if err != nil {
				return err
			}
			if err := os.Remove(a.topologyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if s.LocalClouds != nil {
				if err := a.removeClouds(ctx); err != nil {
					return err
				}
			}
			a.step("destroy: nothing of %s is left", a.stack)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirm, for an environment on real clouds")
	c.Flags().BoolVar(&force, "force", false, "on local clouds: remove them with all they hold, without asking Pulumi")
	return c
}

// prepare does all that comes before Pulumi: it reads the dials, packs the artefacts and has local clouds running.
func (a *app) prepare(ctx context.Context) (settings.Settings, *deploy.Stack, error) {
	s, err := a.settings()
	if err != nil {
		return s, nil, err
	}
	stop := a.heartbeat("still building")
	_, err = a.build(ctx, s)
	stop()
	if err != nil {
		return s, nil, err
	}
	if s.LocalClouds != nil {
		if _, err := a.startClouds(ctx); err != nil {
			return s, nil, err
		}
	}
	stack, err := a.open(ctx, s)
	return s, stack, err
}

// open prepares the environment's stack with a CLI that will do.
func (a *app) open(ctx context.Context, s settings.Settings) (*deploy.Stack, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a place to keep the Pulumi CLI: %w", err)
	}
	cli, err := pulumicli.Find(ctx, pulumicli.Options{
		Module:   filepath.Join(a.root, "tools", "pulumi"),
		Cache:    filepath.Join(cache, "polygate", "pulumi"),
		Progress: a.step,
	})
	if err != nil {
		return nil, err
	}
	env := map[string]string{"PULUMI_SKIP_UPDATE_CHECK": "true"}
	if s.LocalClouds != nil {
		if env, err = a.localEnv(); err != nil {
			return nil, err
		}
	}
	return deploy.Open(ctx, deploy.Options{
		Root: a.root, Environment: a.stack, CLI: cli, Program: infra.Program(a.root), Env: env,
		Progress: a.progress(), Notice: a.step, Diff: a.out,
	})
}

// progress prints failures at once and a running count every two seconds, so that a deployment of a hundred resources
// neither floods the screen nor falls silent.
func (a *app) progress() func(deploy.Progress) {
	var last time.Time
	return func(p deploy.Progress) {
		short := p.Type[strings.LastIndex(p.Type, ":")+1:]
		switch {
		case p.Failed:
			a.step("failed: %s %s %s", p.Op, short, p.Name)
		case p.Finished && time.Since(last) > 2*time.Second:
			last = time.Now()
			a.step("%4d resources done, now: %s %s %s", p.Done, p.Op, short, p.Name)
		}
	}
}

func describe(c deploy.Changes) string {
	var parts []string
	for _, op := range []string{"create", "update", "replace", "delete", "same"} {
		if c[op] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c[op], op))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) topologyFile() string { return filepath.Join(a.workDir(), "topology.json") }

func (a *app) saveTopology(t topology.Topology) error {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encode topology: %w", err)
	}
	if err := os.MkdirAll(a.workDir(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(a.topologyFile(), append(b, '\n'), 0o644)
}

// loadTopology reads what `up` saved, or asks the stack where somebody deployed with a plain `pulumi up`.
func (a *app) loadTopology(ctx context.Context, s settings.Settings) (topology.Topology, error) {
	b, err := os.ReadFile(a.topologyFile())
	if err == nil {
		return topology.Decode(b)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return topology.Topology{}, err
	}
	if s.LocalClouds != nil {
		if _, err := localcloud.ReadState(a.cloudDir()); err != nil {
			return topology.Topology{}, fmt.Errorf("%s is not deployed: run `polygate up -s %s`", a.stack, a.stack)
		}
	}
	stack, err := a.open(ctx, s)
	if err != nil {
		return topology.Topology{}, err
	}
	return stack.Topology(ctx)
}
