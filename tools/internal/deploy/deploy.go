// Package deploy drives the Pulumi program of one environment through the Automation API: the same project file, stack
// file and program as `pulumi up`.
package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/shared/topology"
)

// Project is the Pulumi project's name, as Pulumi.yaml has it.
const Project = "polygate"

// TopologyOutput is the stack output that carries the topology.
const TopologyOutput = "topology"

// Options says what to drive and with which CLI.
type Options struct {
	Root        string // folder of Pulumi.yaml
	Environment string // stack name
	CLI         auto.PulumiCommand
	Program     pulumi.RunFunc
	Env         map[string]string // environment of the CLI beyond the process's own
	Progress    func(Progress)    // told of each step; may be nil
	Notice      func(format string, args ...any)
	// Find returns the ids of the resources of a Pulumi type that were made from these inputs, where somebody knows: what a
	// killed run created but had no time to record is then taken into the state. May be nil.
	Find func(ctx context.Context, typ string, inputs map[string]any) ([]string, error)
	Diff io.Writer // Preview writes Pulumi's own account of the changes here; may be nil
}

// Stack is one environment's stack, selected and ready.
type Stack struct {
	opts    Options
	cli     *listening
	stack   auto.Stack
	pending []string // operations that a killed run left open, by resource name
}

// Open selects the stack, creating an empty one when the backend has none.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	if opts.Progress == nil {
		opts.Progress = func(Progress) {}
	}
	if opts.Notice == nil {
		opts.Notice = func(string, ...any) {}
	}
	if err := recoverState(opts); err != nil {
		return nil, err
	}
	cli := &listening{PulumiCommand: opts.CLI}
	opts.CLI = cli
	s, err := auto.UpsertStackInlineSource(ctx, opts.Environment, Project, opts.Program,
		auto.WorkDir(opts.Root), auto.Pulumi(cli), auto.EnvVars(opts.Env))
	if err != nil {
		return nil, fmt.Errorf("open stack %q: %w\nwhere its state is kept is yours to say: `pulumi login <backend>`, or PULUMI_BACKEND_URL", opts.Environment, cli.explain(err))
	}
	return &Stack{opts: opts, cli: cli, stack: s}, nil
}

// Up deploys and returns what now stands. Interrupted half-way, it can be run again: see recover.
func (s *Stack) Up(ctx context.Context) (topology.Topology, error) {
	if err := s.recover(ctx); err != nil {
		return topology.Topology{}, err
	}
	w := watch(s.opts.Progress)
	res, err := s.stack.Up(ctx, optup.EventStreams(w.events), optup.SuppressProgress(), optup.Color("never"))
	failures := w.wait()
	if err != nil {
		return topology.Topology{}, s.failed("up", ctx, err, failures)
	}
	return decode(res.Outputs)
}

// Changes counts what a preview would do, by Pulumi's operation name ("create", "update", "replace", "delete", ...).
type Changes map[string]int

// Any reports whether anything but "same" would happen.
func (c Changes) Any() bool {
	for op, n := range c {
		if op != "same" && n > 0 {
			return true
		}
	}
	return false
}

// Preview computes what Up would change and changes nothing.
func (s *Stack) Preview(ctx context.Context) (Changes, error) {
	w := watch(s.opts.Progress)
	opts := []optpreview.Option{optpreview.EventStreams(w.events), optpreview.Diff(), optpreview.Color("never"), optpreview.SuppressProgress()}
	if s.opts.Diff != nil {
		opts = append(opts, optpreview.ProgressStreams(s.opts.Diff))
	}
	res, err := s.stack.Preview(ctx, opts...)
	failures := w.wait()
	if err != nil {
		return nil, s.failed("preview", ctx, err, failures)
	}
	changes := Changes{}
	for op, n := range res.ChangeSummary {
		changes[string(op)] = n
	}
	return changes, nil
}

// Destroy removes everything the stack holds, and the stack itself from the backend. The stack file stays.
func (s *Stack) Destroy(ctx context.Context) error {
	if err := s.recover(ctx); err != nil {
		return err
	}
	w := watch(s.opts.Progress)
	_, err := s.stack.Destroy(ctx, optdestroy.EventStreams(w.events), optdestroy.SuppressProgress(), optdestroy.Color("never"))
	failures := w.wait()
	if err != nil {
		return s.failed("destroy", ctx, err, failures)
	}
	// Straight to the CLI: the Automation API's RemoveStack would delete the stack file, which lives in git.
	env := make([]string, 0, len(s.opts.Env))
	for k, v := range s.opts.Env {
		env = append(env, k+"="+v)
	}
	_, stderr, _, err := s.opts.CLI.Run(ctx, s.opts.Root, nil, nil, nil, env, "stack", "rm", "--yes", "--preserve-config", "--stack", s.opts.Environment)
	if err != nil {
		return fmt.Errorf("remove the empty stack %q: %w: %s", s.opts.Environment, err, strings.TrimSpace(stderr))
	}
	return nil
}

// Topology reads what the last successful Up stood up.
func (s *Stack) Topology(ctx context.Context) (topology.Topology, error) {
	outs, err := s.stack.Outputs(ctx)
	if err != nil {
		return topology.Topology{}, fmt.Errorf("read the outputs of stack %q: %w", s.opts.Environment, err)
	}
	return decode(outs)
}

func decode(outs auto.OutputMap) (topology.Topology, error) {
	out, ok := outs[TopologyOutput]
	if !ok {
		return topology.Topology{}, fmt.Errorf("the stack has no output %q: run `polygate up` to completion", TopologyOutput)
	}
	b, err := json.Marshal(out.Value)
	if err != nil {
		return topology.Topology{}, fmt.Errorf("read stack output %q: %w", TopologyOutput, err)
	}
	return topology.Decode(b)
}

// Failure is a deployment that did not complete, with the engine's own reasons.
type Failure struct {
	Verb        string
	Environment string
	Interrupted bool
	Reasons     []string // one for each resource that failed, as the provider worded it
	Pending     []string // resources an earlier, killed run was at work on
	Err         error
}

// Error lists the reasons and says what can be done now.
func (f *Failure) Error() string {
	msg := fmt.Sprintf("%s of %q failed", f.Verb, f.Environment)
	if f.Interrupted {
		msg = fmt.Sprintf("%s of %q was interrupted", f.Verb, f.Environment)
	}
	for _, r := range f.Reasons {
		msg += "\n  " + r
	}
	if len(f.Reasons) == 0 && !f.Interrupted {
		msg += ": " + f.Err.Error()
	}
	if len(f.Pending) > 0 {
		msg += fmt.Sprintf("\nan earlier run was killed while it worked on %s: one of these that \"already exists\" was created but never recorded; "+
			"take it in with `pulumi import <type> <name> <id>`, or delete it at its provider (on local clouds: `polygate destroy --force` and up again)", strings.Join(f.Pending, ", "))
	}
	return msg + fmt.Sprintf("\nwhat was done is recorded; run `polygate %s -s %s` again to go on", f.Verb, f.Environment)
}

// Unwrap gives the Automation API's error.
func (f *Failure) Unwrap() error { return f.Err }

func (s *Stack) failed(verb string, ctx context.Context, err error, reasons []string) error {
	return &Failure{Verb: verb, Environment: s.opts.Environment, Interrupted: ctx.Err() != nil, Reasons: reasons, Pending: s.pending, Err: s.cli.explain(err)}
}

// eventStream is what the Automation API sends engine events to.
type eventStream = chan events.EngineEvent

// listening is a Pulumi CLI that remembers what it last complained of. The Automation API's errors carry the CLI's whole
// transcript, which is for machines; people want the complaint.
type listening struct {
	auto.PulumiCommand
	complaint string
}

// Run runs the CLI and keeps its standard error when it fails.
func (l *listening) Run(ctx context.Context, dir string, stdin io.Reader, stdout, stderr []io.Writer, env []string, args ...string) (string, string, int, error) {
	out, errs, code, err := l.PulumiCommand.Run(ctx, dir, stdin, stdout, stderr, env, args...)
	if err != nil {
		l.complaint = strings.TrimPrefix(strings.TrimSpace(untag(errs)), "error: ")
	}
	return out, errs, code, err
}

// explain puts the CLI's complaint in the place of the Automation API's transcript.
func (l *listening) explain(err error) error {
	if l == nil || l.complaint == "" {
		return err
	}
	return &complaint{text: l.complaint, err: err}
}

// complaint reads as what the CLI said and unwraps to the error it came with.
type complaint struct {
	text string
	err  error
}

func (c *complaint) Error() string { return c.text }
func (c *complaint) Unwrap() error { return c.err }
