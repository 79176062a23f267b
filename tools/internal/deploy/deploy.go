// Package deploy drives the Pulumi program of one environment through the Automation API: the same project file, stack
// file and program as `pulumi up`.
package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/localcloud/resource"
)

// Project is the Pulumi project's name, as Pulumi.yaml has it.
const Project = "polygate"

// Stack outputs: what stands, and what was computed of it before it was deployed.
const (
	TopologyOutput = "topology"
	ForecastOutput = "forecast"
)

// Witness knows what there really is, whatever a killed run had the time to record.
type Witness interface {
	// Disown is told what the state knows, and returns how many resources there are beside, and how many of those that it knows are
	// gone. The former are given to the next run that has them created.
	Disown(ctx context.Context, recorded []resource.Known) (beside, gone int, err error)
	// Sweep removes what was disowned and no run has had created since, and names it.
	Sweep(ctx context.Context) ([]string, error)
}

// parallel is how many operations the engine has under way at a time. Most of one is waiting for a cloud, so that it does not go by this
// machine's processors, as Pulumi's own default of four for each does.
const parallel = 32

// Options says what to drive and with which CLI.
type Options struct {
	Root        string // folder of Pulumi.yaml
	Environment string // stack name
	CLI         auto.PulumiCommand
	Program     pulumi.RunFunc
	Env         map[string]string // environment of the CLI beyond the process's own
	Progress    func(Progress)    // told of each step; may be nil
	Notice      func(format string, args ...any)
	Witness     Witness   // may be nil: nobody knows more than the state
	Diff        io.Writer // Preview writes Pulumi's own account of the changes here; may be nil
	Without     []string  // patterns of the URNs of what Up and Preview leave as it is, unread and unchanged
	Needs       []Need    // what the state has to hold already, as the rest counts on it
	Backend     string    // where the state is kept and who says so, for messages; may be ""
}

// Need says what is wrong with deploying to a stack that holds these resources, nil if nothing is. The engine sees to no such thing: what it is to
// exclude it does not create, and deploys what depends on it all the same.
type Need func(held []apitype.ResourceV3) error

// Stack is one environment's stack, selected and ready.
type Stack struct {
	opts    Options
	cli     *listening
	stack   auto.Stack
	pending []string // operations that a killed run left open, by resource name
}

// ErrNoStack says that the backend has no stack of that name.
var ErrNoStack = errors.New("there is no such stack")

// Open selects the stack, creating an empty one when the backend has none. It mends a state file that a killed run cut off,
// so that only one run at a time may do it.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	if opts.Notice == nil {
		opts.Notice = func(string, ...any) {}
	}
	if err := recoverState(opts); err != nil {
		return nil, err
	}
	return open(ctx, opts, auto.UpsertStackInlineSource)
}

// Select selects the stack as it is, whoever else is at work on it, and changes nothing. Without one it fails with ErrNoStack.
func Select(ctx context.Context, opts Options) (*Stack, error) {
	return open(ctx, opts, auto.SelectStackInlineSource)
}

// selecting is how the Automation API comes to a stack.
type selecting func(ctx context.Context, stack, project string, program pulumi.RunFunc, opts ...auto.LocalWorkspaceOption) (auto.Stack, error)

func open(ctx context.Context, opts Options, by selecting) (*Stack, error) {
	if opts.Progress == nil {
		opts.Progress = func(Progress) {}
	}
	if opts.Notice == nil {
		opts.Notice = func(string, ...any) {}
	}
	cli := &listening{PulumiCommand: opts.CLI}
	opts.CLI = cli
	s, err := by(ctx, opts.Environment, Project, apart(opts.Program), auto.WorkDir(opts.Root), auto.Pulumi(cli), auto.EnvVars(opts.Env))
	if auto.IsSelectStack404Error(err) {
		return nil, fmt.Errorf("%w: %q", ErrNoStack, opts.Environment)
	}
	if err != nil {
		where := ""
		if opts.Backend != "" {
			where = " in " + opts.Backend
		}
		return nil, fmt.Errorf("open stack %q%s: %w", opts.Environment, where, cli.explain(err))
	}
	return &Stack{opts: opts, cli: cli, stack: s}, nil
}

// apart runs a program on a goroutine of its own. Pulumi keeps with each resource the stack of calls that registered it, and an inline
// program is called from deep inside gRPC and the Automation API: that is more than all else the state has of a resource, written anew
// after each operation, and says nothing but where this machine keeps its modules.
func apart(program pulumi.RunFunc) pulumi.RunFunc {
	return func(ctx *pulumi.Context) (err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil { // as the Automation API does where it is called
					err = fmt.Errorf("the program panicked: %v", p)
				}
			}()
			err = program(ctx)
		}()
		<-done
		return err
	}
}

// Up deploys and returns what now stands. Interrupted half-way, it can be run again: see recover.
func (s *Stack) Up(ctx context.Context) (topology.Topology, error) {
	found, err := s.recover(ctx, "up")
	if err != nil {
		return topology.Topology{}, err
	}
	if err := s.lacks(found); err != nil {
		return topology.Topology{}, err
	}
	again, err := s.anew(ctx, found)
	if err != nil {
		return topology.Topology{}, err
	}
	w := watch(s.opts.Progress)
	res, err := s.stack.Up(ctx, optup.EventStreams(w.events), optup.SuppressProgress(), optup.Color("never"), optup.Replace(again),
		optup.Exclude(s.opts.Without), optup.Parallel(parallel))
	failures := w.wait()
	if err != nil {
		return topology.Topology{}, s.failed("up", ctx, err, failures)
	}
	if err := s.sweep(ctx); err != nil {
		return topology.Topology{}, err
	}
	return decode(res.Outputs)
}

// lacks is what there is to say of the first need that a state does not meet. What is about to be deleted is as good as gone, and what was only
// begun is not in it.
func (s *Stack) lacks(d apitype.DeploymentV3) error {
	held := slices.DeleteFunc(slices.Clone(d.Resources), func(r apitype.ResourceV3) bool { return r.ID == "" || r.Delete })
	for _, need := range s.opts.Needs {
		if err := need(held); err != nil {
			return err
		}
	}
	return nil
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

// unrecorded is the change that the next Up makes for a run that was killed, whatever else it changes.
const unrecorded = "unrecorded"

// Preview computes what Up would change and changes nothing.
func (s *Stack) Preview(ctx context.Context) (Changes, error) {
	beside, gone := 0, 0
	if s.opts.Witness != nil || len(s.opts.Needs) > 0 {
		d, err := s.recorded(ctx)
		if err == nil {
			err = s.lacks(d)
		}
		if err == nil {
			beside, gone, err = s.witnessed(ctx, d)
		}
		if err != nil {
			return nil, err
		}
	}
	if beside+gone > 0 {
		s.opts.Notice("an earlier run was killed: it made %s that the state does not know, and removed %d that it does; the next `polygate up -s %s` mends that",
			settings.Count(beside, "resource"), gone, s.opts.Environment)
	}
	w := watch(s.opts.Progress)
	opts := []optpreview.Option{optpreview.EventStreams(w.events), optpreview.Diff(), optpreview.Color("never"), optpreview.SuppressProgress(), optpreview.Exclude(s.opts.Without), optpreview.Parallel(parallel)}
	if s.opts.Diff != nil {
		opts = append(opts, optpreview.ProgressStreams(s.opts.Diff))
	}
	res, err := s.stack.Preview(ctx, opts...)
	failures := w.wait()
	if err != nil {
		return nil, s.failed(verbPreview, ctx, err, failures)
	}
	changes := Changes{}
	if beside+gone > 0 {
		changes[unrecorded] = beside + gone
	}
	for op, n := range res.ChangeSummary {
		changes[string(op)] = n
	}
	return changes, nil
}

// ErrProtected says that a stack is not to be destroyed as long as something of it is protected.
var ErrProtected = errors.New("nothing was removed")

// Destroy removes everything the stack holds, and the stack itself from the backend. The stack file stays. While something is
// protected it fails with ErrProtected: the engine would remove all the rest, alarms and what else is exempt, before it says so.
func (s *Stack) Destroy(ctx context.Context) error {
	d, err := s.recover(ctx, "destroy")
	if err != nil {
		return err
	}
	protected := 0
	for _, r := range d.Resources {
		if r.Protect && !r.Delete {
			protected++
		}
	}
	if protected > 0 {
		return fmt.Errorf("polygate:protect keeps %s of %q: take it out of the stack file, run `polygate up -s %[2]s`, and destroy then; %w",
			settings.Count(protected, "resource"), s.opts.Environment, ErrProtected)
	}
	w := watch(s.opts.Progress)
	_, err = s.stack.Destroy(ctx, optdestroy.EventStreams(w.events), optdestroy.SuppressProgress(), optdestroy.Color("never"), optdestroy.Parallel(parallel))
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

// ErrNoTopology says that no deployment of the stack was ever completed, or that it was destroyed.
var ErrNoTopology = errors.New("the stack has no output \"" + TopologyOutput + "\"")

func decode(outs auto.OutputMap) (topology.Topology, error) {
	out, ok := outs[TopologyOutput]
	if !ok {
		return topology.Topology{}, fmt.Errorf("%w: run `polygate up` to completion", ErrNoTopology)
	}
	b, err := json.Marshal(out.Value)
	if err != nil {
		return topology.Topology{}, fmt.Errorf("read stack output %q: %w", TopologyOutput, err)
	}
	return topology.Decode(b)
}

// FrontSecret reads what the traffic manager's own front shows to the regions, decrypted; "" where the stack has none.
func (s *Stack) FrontSecret(ctx context.Context) (string, error) {
	all, err := s.stack.GetAllConfig(ctx)
	if err != nil {
		return "", fmt.Errorf("read the configuration of stack %q: %w", s.opts.Environment, s.cli.explain(err))
	}
	return all[Project+":frontSecret"].Value, nil
}

// ErrNoForecast says that no deployment of the stack was ever completed, or that one of a version which kept none was.
var ErrNoForecast = errors.New("the stack has no output \"" + ForecastOutput + "\"")

// Forecast reads the summary of what was computed of the last successful Up before it.
func (s *Stack) Forecast(ctx context.Context) (forecast.Summary, error) {
	outs, err := s.stack.Outputs(ctx)
	if err != nil {
		return forecast.Summary{}, fmt.Errorf("read the outputs of stack %q: %w", s.opts.Environment, err)
	}
	return decodeForecast(outs)
}

func decodeForecast(outs auto.OutputMap) (forecast.Summary, error) {
	out, ok := outs[ForecastOutput]
	if !ok {
		return forecast.Summary{}, ErrNoForecast
	}
	b, err := json.Marshal(out.Value)
	if err != nil {
		return forecast.Summary{}, fmt.Errorf("read stack output %q: %w", ForecastOutput, err)
	}
	return forecast.Decode(b)
}

// verbPreview is the verb that changes nothing.
const verbPreview = "preview"

// Failure is a deployment that did not complete, with the engine's own reasons.
type Failure struct {
	Verb        string
	Environment string
	Interrupted bool
	Reasons     []string // one for each resource that failed, as the provider worded it
	Pending     []string // resources an earlier, killed run was at work on
	Local       bool     // on local clouds, where nothing is lost by starting afresh
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
	if slices.ContainsFunc(f.Reasons, refusedByACM) {
		msg += fmt.Sprintf("\nACM does not look again at a certificate that it has refused: mend why (CAA_ERROR: records that admit others only, see `polygate doctor -s %s`); "+
			"the next up requests another one", f.Environment)
	}
	if f.Verb == verbPreview {
		return msg // it does nothing that could be gone on with
	}
	what := "what was done is recorded; "
	if f.Local { // the engine may have been killed, and then it is not; the clouds know
		what = ""
	}
	msg += fmt.Sprintf("\n%srun `polygate %s -s %s` again to go on", what, f.Verb, f.Environment)
	if f.Local {
		msg += fmt.Sprintf(", or `polygate destroy -s %s --force` to start afresh", f.Environment)
	}
	return msg
}

// Unwrap gives the Automation API's error.
func (f *Failure) Unwrap() error { return f.Err }

func (s *Stack) failed(verb string, ctx context.Context, err error, reasons []string) error {
	return &Failure{Verb: verb, Environment: s.opts.Environment, Interrupted: ctx.Err() != nil, Reasons: reasons, Pending: s.pending, Local: s.opts.Witness != nil, Err: s.cli.explain(err)}
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
