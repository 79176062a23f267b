package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/drill"
)

// Every command of the example for GitHub Actions is one that there is, with flags that it has, and what it drills is in the stack file.
func TestWeeklyDrill(t *testing.T) {
	b, err := os.ReadFile("../../../stacks/ci/weekly-drill.yml")
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) string {
		m := regexp.MustCompile(`(?m)^\s+` + name + `: (\S+)$`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("the example sets no %s", name)
		}
		return string(m[1])
	}
	stack := value("STACK")
	s, err := settings.Load(settings.Path("../../..", stack))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range s.Regions {
		found = found || r.String() == value("REGION")
	}
	if !found {
		t.Errorf("%s is no region of %s", value("REGION"), stack)
	}
	replace := strings.NewReplacer(`"$STACK"`, stack, `"$REGION"`, value("REGION"), `"$OBJECTIVE"`, value("OBJECTIVE"))
	verbs := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		_, command, ok := strings.Cut(line, "bin/polygate ")
		if !ok || strings.Contains(line, "go build") {
			continue
		}
		command, _, _ = strings.Cut(command, " >")
		args := strings.Fields(replace.Replace(command))
		cmd, rest, err := (&app{output: newOutput(t.Output(), t.Output(), func(string) string { return "" }), getenv: func(string) string { return "" }}).command().Find(args)
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		verbs[cmd.CommandPath()] = true
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.Contains(f.Value.String(), "$") {
				t.Errorf("%s: --%s is %s", command, f.Name, f.Value)
			}
		})
	}
	for _, want := range []string{"polygate status", "polygate drill init", "polygate drill run", "polygate drill mend", "polygate drill report"} {
		if !verbs[want] {
			t.Errorf("the example does not call %s", want)
		}
	}
}

// Each verdict has the exit code that is documented.
func TestDrillExitCodes(t *testing.T) {
	for verdict, want := range map[drill.Verdict]int{
		drill.Pass: 0, drill.Fail: 1, drill.Inconclusive: 3, drill.Aborted: 4, drill.CleanupFailed: 5, drill.Blocked: 6, drill.LockLost: 7,
	} {
		if got := exitCode(fmt.Errorf("drill: %w", drilled{verdict})); got != want {
			t.Errorf("%s ends with %d, want %d", verdict, got, want)
		}
	}
	if got := exitCode(asUsage(fmt.Errorf("x: %w", drill.Problems{"y"}))); got != ExitUsage {
		t.Errorf("a bad experiment ends with %d, want %d", got, ExitUsage)
	}
	if err := errors.New("z"); !errors.Is(asUsage(err), err) || exitCode(asUsage(err)) != ExitFailed {
		t.Error("any other error is not the caller's to mend")
	}
}
