// Package cli is the polygate command: one file per verb. Verbs parse and print; the work is done in the packages they call.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/tools/internal/deploy"
	"polygate.example/tools/internal/doctor"
)

// app is what every verb shares.
type app struct {
	*output
	getenv func(string) string
	root   string          // folder of Pulumi.yaml
	stack  string          // environment
	begun  map[string]bool // resources the engine is at work on, by type and name; guarded by mu
	diff   *wholeLines     // what Pulumi says of the changes
	diffs  io.Writer       // where that goes; nil is standard output

	fakes   *doctor.Clouds  // in place of the clouds, in tests
	resolve doctor.Resolver // in place of the system's, in tests
	hours   []string        // in place of the clouds' servers that tell the time, in tests
}

// Main runs the command line and returns the process's exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{output: newOutput(stdout, stderr, os.Getenv), getenv: os.Getenv, begun: map[string]bool{}}
	cmd := a.command()
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil, errors.As(err, new(unhealthy)), errors.As(err, new(inconclusive)), errors.As(err, new(misconfigured)), errors.As(err, new(drilled)):
	case ctx.Err() != nil && !errors.As(err, new(*deploy.Failure)):
		a.fail(errors.New("interrupted")) // what was cut short by it has failed in words of its own, which mean nothing more
	default:
		a.fail(err)
	}
	return exitCode(err)
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "polygate",
		Short: "One API gateway on AWS Lambda, Google Cloud Functions and Azure Functions, behind one hostname that fails over",
		Long: `polygate packs one gateway for three clouds, deploys it with Pulumi into many regions of each, and puts one
hostname with health-checked DNS failover before them. The same program and the same artefacts run on local clouds.

Exit codes: 0 ok; 1 failed, unhealthy, or changes found with --exit-code; 2 wrong usage or bad configuration; 3 nothing
could be asked; 6 refused by a safety rule. Drills have more: see polygate drill --help.`,
		Example: `  polygate up -s local              # build, start the local clouds, deploy
  polygate local fail aws/us-east-1 # break a region
  polygate status --watch           # see the others take over`,
		Version:       version(),
		RunE:          helpOrUnknown,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVarP(&a.stack, "stack", "s", "local", "environment: the <env> of stacks/Pulumi.<env>.yaml")
	root.PersistentFlags().StringVarP(&a.root, "root", "C", "", "project folder (default: the nearest one upwards that has a Pulumi.yaml)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())}
	})
	root.AddCommand(a.buildCommand(), a.checkCommand(), a.schemaCommand(), a.importCommand(), a.routesCommand(), a.explainCommand(), a.devCommand(), a.upCommand(), a.previewCommand(), a.destroyCommand(), a.statusCommand(), a.failoverCommand(), a.failbackCommand(), a.drainCommand(), a.undrainCommand(), a.drillCommand(), a.lockCommand(), a.certCommand(), a.doctorCommand(), a.localCommand())
	for _, c := range root.Commands() {
		a.needsProject(c)
	}
	// These say something about polygate, not about a project.
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	completions(a, root)
	for _, c := range root.Commands() {
		strictArgs(c)
	}
	return root
}

// version says which sources this polygate was built of, as far as the Go command has noted it, and with which Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown sources"
	}
	what := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			what = s.Value
		}
	}
	return what + ", " + info.GoVersion
}

// needsProject has a verb, or those below it, find the project before they run.
func (a *app) needsProject(c *cobra.Command) {
	if c.HasSubCommands() {
		for _, sub := range c.Commands() {
			a.needsProject(sub)
		}
		return
	}
	if c.PreRunE == nil { // those that have one know better
		c.PreRunE = func(*cobra.Command, []string) error { return a.locate() }
	}
}

// strictArgs turns cobra's argument errors into usage errors. What takes no file is not completed with file names.
func strictArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		strictArgs(sub)
	}
}

// locate finds the project folder.
func (a *app) locate() error {
	if a.root != "" {
		abs, err := filepath.Abs(a.root)
		if err != nil {
			return usageError{err}
		}
		if _, err := os.Stat(filepath.Join(abs, "Pulumi.yaml")); err != nil {
			return usageError{fmt.Errorf("%s has no Pulumi.yaml: point --root at a polygate project", abs)}
		}
		a.root = abs
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			a.root = dir
			return nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return usageError{errors.New("no Pulumi.yaml here or in any folder above: run polygate inside a polygate project, or name it with --root")}
		}
		dir = up
	}
}

// settings reads and checks the environment's stack file.
func (a *app) settings() (settings.Settings, error) {
	if a.stack == "" {
		return settings.Settings{}, usageError{fmt.Errorf("--stack is empty: want one of %s", strings.Join(a.environments(), ", "))}
	}
	if !environmentName.MatchString(a.stack) { // it becomes part of paths
		return settings.Settings{}, usageError{fmt.Errorf("--stack is %q, which can be no environment's name: want one of %s", a.stack, strings.Join(a.environments(), ", "))}
	}
	s, err := infra.Settings(a.root, a.stack)
	if errors.Is(err, fs.ErrNotExist) {
		want := "write " + settings.Path(a.root, a.stack)
		if all := a.environments(); len(all) > 0 {
			want = "want one of " + strings.Join(all, ", ") + ", or " + want
		}
		return s, usageError{fmt.Errorf("there is no environment %q%s: %s", a.stack, settings.Nearest(a.stack, a.environments()), want)}
	}
	return s, err
}

// environmentName is what Pulumi takes for the name of a stack. Source: "Stacks", www.pulumi.com/docs/iac/concepts/stacks.
var environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// environments lists those that have a stack file.
func (a *app) environments() []string {
	names := []string{}
	files, _ := filepath.Glob(settings.Path(a.root, "*")) // the pattern is fixed and well formed
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "Pulumi."), ".yaml"))
	}
	return names
}

// document is the environment's gateway document.
func (a *app) document() string { return filepath.Join(a.root, "stacks", a.stack+".gateway.yaml") }

// dist is where the environment's artefacts are packed.
func (a *app) dist() string { return filepath.Join(a.root, "dist", a.stack) }

// workDir holds what an environment keeps on this machine: local state, the local clouds' own folder, the topology.
func (a *app) workDir() string { return filepath.Join(a.root, ".polygate", a.stack) }
