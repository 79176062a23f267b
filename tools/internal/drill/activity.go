package drill

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// The steps of an experiment are polygate's own commands, so that Chaos Toolkit can run them as well:
//
//	polygate drill inject <fault> <target> [--lease 120s] [--delay 2s] [--rate 0.5] [--spares-health] [--beside] [-s <environment>]
//	polygate drill mend [<target>...] [-s <environment>]
//	polygate status [-s <environment>]
const program = "polygate"

// ours checks that a step is a command of polygate's own and returns its arguments.
func (a Activity) ours(kind string) ([]string, error) {
	switch {
	case a.Type != kind:
		return nil, fmt.Errorf("its type is %q: want %s", a.Type, kind)
	case a.Name == "":
		return nil, errors.New("it has no name")
	case a.Provider.Type != "process" || a.Provider.Path != program:
		return nil, fmt.Errorf("its provider is the %s %q: polygate carries out its own steps only, {type: process, path: polygate}; run the file with Chaos Toolkit to have others", a.Provider.Type, a.Provider.Path)
	case len(a.Provider.Arguments) == 0:
		return nil, errors.New("its provider has no arguments")
	case a.Pauses != nil && (a.Pauses.Before < 0 || a.Pauses.After < 0):
		return nil, errors.New("a pause is below zero")
	}
	return a.Provider.Arguments, nil
}

// step reads a fault.
func (a Activity) step(env string) (Step, error) {
	args, err := a.ours("action")
	if err != nil {
		return Step{}, err
	}
	if len(args) < 2 || args[0] != "drill" || args[1] != "inject" {
		return Step{}, fmt.Errorf("it runs %q: want drill inject <fault> <target>", args)
	}
	s, stack, err := ParseInject(args[2:])
	if err != nil {
		return s, err
	}
	if stack != "" && stack != env {
		return s, fmt.Errorf("it is for %q, and this is %q: say -s %s", stack, env, stack)
	}
	if a.Pauses != nil {
		s.Wait, s.Watch = seconds(a.Pauses.Before), seconds(a.Pauses.After)
	}
	if s.Lease > 0 && s.Watch > 0 && s.Lease < s.Watch && s.Fault.Kind != DNSStale {
		return s, fmt.Errorf("its lease of %s ends before the pause of %s after it", s.Lease, s.Watch)
	}
	return s, nil
}

// ParseInject reads what comes after `drill inject`, and the environment that it names.
func ParseInject(args []string) (Step, string, error) {
	var s Step
	var stack string
	flags := flag.NewFlagSet("inject", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&s.Lease, "lease", 0, "")
	flags.DurationVar(&s.Fault.Delay, "delay", 0, "")
	flags.Float64Var(&s.Fault.Rate, "rate", 0, "")
	flags.BoolVar(&s.Fault.SparesHealth, "spares-health", false, "")
	flags.BoolVar(&s.Beside, "beside", false, "")
	flags.StringVar(&stack, "s", "", "")
	flags.StringVar(&stack, "stack", "", "")
	var words []string
	for rest := args; len(rest) > 0; { // flags and words may come in any order
		if err := flags.Parse(rest); err != nil {
			return s, stack, fmt.Errorf("drill inject: %w", err)
		}
		if rest = flags.Args(); len(rest) > 0 {
			words, rest = append(words, rest[0]), rest[1:]
		}
	}
	if len(words) != 2 {
		return s, stack, fmt.Errorf("drill inject %q: want a fault and its target", words)
	}
	s.Fault.Kind, s.Fault.Target = Kind(words[0]), words[1]
	if s.Fault.Kind == ErrorRate && s.Fault.Rate == 0 {
		s.Fault.Rate = 1
	}
	if s.Lease < 0 {
		return s, stack, fmt.Errorf("drill inject: --lease is %s: want a time above zero", s.Lease)
	}
	return s, stack, nil
}

// Inject is the command line of a step, from `drill` on.
func (s Step) Inject(env string) []string {
	args := []string{"drill", "inject", string(s.Fault.Kind), s.Fault.Target}
	if s.Lease > 0 {
		args = append(args, "--lease", s.Lease.String())
	}
	if s.Fault.Delay > 0 {
		args = append(args, "--delay", s.Fault.Delay.String())
	}
	if s.Fault.Kind == ErrorRate && s.Fault.Rate != 1 {
		args = append(args, "--rate", fmt.Sprint(s.Fault.Rate))
	}
	if s.Fault.SparesHealth {
		args = append(args, "--spares-health")
	}
	if s.Beside {
		args = append(args, "--beside")
	}
	return append(args, "-s", env)
}

// rollback checks a step that mends. What a drill broke it mends itself, always; the step is for Chaos Toolkit.
func (a Activity) rollback(env string) error {
	args, err := a.ours("action")
	if err != nil {
		return err
	}
	if len(args) < 2 || args[0] != "drill" || args[1] != "mend" {
		return fmt.Errorf("it runs %q: want drill mend", args)
	}
	return sameStack(args[2:], env)
}

// steady checks a probe: only the environment's own status, which says with its exit code whether all is well.
func (a Activity) steady(env string) error {
	args, err := a.ours("probe")
	if err != nil {
		return err
	}
	if args[0] != "status" {
		return fmt.Errorf("it runs %q: want status", args)
	}
	switch v := a.Tolerance.(type) {
	case uint64:
		if v != 0 {
			return fmt.Errorf("its tolerance is %v: want 0, the exit code of an environment that is well", v)
		}
	case int, int64, float64:
		if fmt.Sprint(v) != "0" {
			return fmt.Errorf("its tolerance is %v: want 0, the exit code of an environment that is well", v)
		}
	default:
		return fmt.Errorf("its tolerance is %v: want 0, the exit code of an environment that is well", a.Tolerance)
	}
	return sameStack(args[1:], env)
}

// sameStack refuses a step of another environment.
func sameStack(args []string, env string) error {
	i := slices.IndexFunc(args, func(s string) bool { return s == "-s" || s == "--stack" })
	if i >= 0 && (i+1 >= len(args) || args[i+1] != env) {
		return fmt.Errorf("it is for another environment than %q: %q", env, args)
	}
	return nil
}

// seconds is a number of them as a time.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
