package lambda

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/health"
	"polygate.example/tools/internal/control"
)

const here = "aws/us-east-1"

func lease(token uint64) control.Lease {
	return control.Lease{Fault: health.DrillHealthFail, Until: time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second), Token: token, Drill: "d-1"}
}

// A lever goes down and comes up, and leaves nothing; whatever else is in the variables stays.
func TestLever(t *testing.T) {
	f := newFake()
	p, l := f.provider(), lease(7)
	if err := p.Pull(t.Context(), here, l); err != nil {
		t.Fatal(err)
	}
	// Each step once: what is not waited for would be refused, and begun anew.
	if want := []string{"UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias 2", "UpdateFunctionConfiguration"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %v, want %v", f.calls, want)
	}
	serving := f.versions[f.live]
	if f.live != "2" || serving.Environment.Variables["KEPT"] != "a-secret" || !strings.Contains(serving.Environment.Variables[health.EnvDrill], `"token":7`) {
		t.Errorf("version %s serves with %d variables", f.live, len(serving.Environment.Variables))
	}
	if _, there := f.versions["$LATEST"].Environment.Variables[health.EnvDrill]; there {
		t.Error("$LATEST has the variable: the next release would publish it")
	}
	got, err := p.Pulled(t.Context())
	if diff := cmp.Diff(map[string]control.Lease{here: l}, got); diff != "" || err != nil {
		t.Errorf("pulled: %v\n%s", err, diff)
	}
	f.calls = nil
	if err := p.Pull(t.Context(), here, l); err != nil || len(f.calls) > 0 {
		t.Errorf("pulled again: %v, %v", f.calls, err)
	}
	longer := l
	longer.Until = l.Until.Add(10 * time.Minute)
	if err := p.Pull(t.Context(), here, longer); err != nil || f.live != "3" || f.versions["2"] != nil {
		t.Errorf("prolonged: version %s, %v", f.live, err)
	}
	for range 2 {
		if err := p.Release(t.Context(), here, 7); err != nil {
			t.Fatal(err)
		}
		f.clean(t, "1")
	}
	if keys := slices.Sorted(maps.Keys(f.versions)); !slices.Equal(keys, []string{"$LATEST", "1"}) {
		t.Errorf("versions %v are left", keys)
	}
	if got, err := p.Pulled(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("pulled: %v, %v", got, err)
	}
}

// Who comes with a lower token changes nothing, also when the lease is over; a higher one takes the region over.
func TestLeverFence(t *testing.T) {
	f := newFake()
	p := f.provider()
	over := `{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":9,"drill":"theirs"}`
	f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = over
	f.versions["2"] = f.copied("2", describe("theirs", "1"))
	delete(f.versions["$LATEST"].Environment.Variables, health.EnvDrill)
	f.live, f.numbers = "2", 2
	got, err := p.Pulled(t.Context())
	if l := got[here]; err != nil || !l.Expired(time.Now()) || l.Token != 9 || l.Drill != "theirs" {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	for name, do := range map[string]func(uint64) error{
		"pull":    func(token uint64) error { return p.Pull(t.Context(), here, lease(token)) },
		"release": func(token uint64) error { return p.Release(t.Context(), here, token) },
	} {
		if err := do(8); !errors.Is(err, control.ErrFenced) || f.live != "2" || len(f.calls) > 0 {
			t.Errorf("%s with a lower token: %v, %v", name, f.calls, err)
		}
	}
	if err := p.Pull(t.Context(), here, lease(10)); err != nil || f.live != "3" {
		t.Errorf("pull with a higher token: version %s, %v", f.live, err)
	}
	if err := p.Release(t.Context(), here, 10); err != nil {
		t.Error(err)
	}
	f.clean(t, "1")
}

// What somebody changes in between is read anew, and is kept.
func TestLeverRaces(t *testing.T) {
	for name, c := range map[string]struct {
		before string // the call that somebody comes before
		do     func(*fake)
		live   string // the version to go back to
		fenced bool
	}{
		"another variable": {"UpdateFunctionConfiguration", func(f *fake) {
			f.set(map[string]string{"KEPT": "a-secret", "OTHER": "2", "NEW": "3"})
			f.numbers++
			f.versions["2"] = f.copied("2", "the gateway")
			f.live = "2"
		}, "2", false},
		"another release": {"UpdateAlias", func(f *fake) {
			delete(f.versions["$LATEST"].Environment.Variables, health.EnvDrill)
			f.numbers++
			f.versions["3"] = f.copied("3", "the gateway")
			f.live = "3"
		}, "3", false},
		"a revision": {"PublishVersion", func(f *fake) { f.revision++ }, "1", false},
		"a later drill": {"UpdateFunctionConfiguration", func(f *fake) {
			f.set(map[string]string{"KEPT": "a-secret", "OTHER": "2", health.EnvDrill: `{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":9,"drill":"theirs"}`})
		}, "1", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.before[c.before] = func() { c.do(f) }
			err := f.provider().Pull(t.Context(), here, lease(7))
			if errors.Is(err, control.ErrFenced) != c.fenced || (err != nil) != c.fenced {
				t.Fatalf("pull: %v", err)
			}
			if c.fenced {
				return
			}
			if v := f.versions[f.live]; v.Environment.Variables[health.EnvDrill] == "" || aws.ToString(v.Description) != describe("d-1", c.live) {
				t.Errorf("version %s, described %q", f.live, aws.ToString(v.Description))
			}
			if err := f.provider().Release(t.Context(), here, 7); err != nil {
				t.Fatal(err)
			}
			f.clean(t, c.live)
			if name == "another variable" && f.versions["$LATEST"].Environment.Variables["NEW"] != "3" {
				t.Error("the other variable is lost")
			}
		})
	}
}

// A refusal in the middle leaves nothing that a release would publish, and never tells a value.
func TestLeverRefused(t *testing.T) {
	for _, action := range []string{"GetAlias", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"} {
		t.Run(action, func(t *testing.T) {
			f := newFake()
			f.refuse[action] = refused(action)
			err := f.provider().Pull(t.Context(), here, lease(7))
			if err == nil || !strings.Contains(err.Error(), "not authorized to perform: lambda:"+action) || !strings.Contains(err.Error(), here) || strings.Contains(err.Error(), "a-secret") {
				t.Errorf("got %v", err)
			}
			f.clean(t, "1")
		})
	}
}

// Functions that cannot be changed safely are left alone, with a word why.
func TestLeverUnsafe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fake)
		says   string
	}{
		"a release not yet live":  {func(f *fake) { f.versions["$LATEST"].CodeSha256 = aws.String("code-2") }, "finish the release that is under way"},
		"a variable not yet live": {func(f *fake) { f.versions["$LATEST"].Environment.Variables["NEW"] = "x" }, "finish the release that is under way"},
		"a canary":                {func(f *fake) { f.weights = map[string]float64{"1": 0.1} }, "wait until that release is done"},
		"variables that are not shown": {func(f *fake) {
			f.versions["$LATEST"].Environment = &types.EnvironmentResponse{Error: &types.EnvironmentError{ErrorCode: aws.String("AccessDeniedException")}}
		}, "allow kms:Decrypt"},
		"a failed update": {func(f *fake) {
			f.versions["$LATEST"].State, f.versions["$LATEST"].LastUpdateStatus = types.StateActive, types.LastUpdateStatusFailed
		}, "last update Failed"},
		"somebody else's variable": {func(f *fake) { f.versions["1"].Environment.Variables[health.EnvDrill] = "x" }, "release the region first"},
		"no version there":         {func(f *fake) { f.live = "5" }, "no version 5"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			c.change(f)
			err := f.provider().Pull(t.Context(), here, lease(7))
			if err == nil || !strings.Contains(err.Error(), c.says) || len(f.calls) > 0 {
				t.Errorf("got %v after %v, want ...%s...", err, f.calls, c.says)
			}
		})
	}
	f := newFake()
	if err := f.provider().Pull(t.Context(), "aws/eu-west-1", lease(7)); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("a region that is not there: %v", err)
	}
	l := lease(7)
	l.Until = time.Now().Add(2 * time.Hour)
	if err := f.provider().Pull(t.Context(), here, l); err == nil || !strings.Contains(err.Error(), "may last for") || len(f.calls) > 0 {
		t.Errorf("a lease too long: %v", err)
	}
}

// What a run left that was killed halfway is found, and gone after a release.
func TestLeverLeftovers(t *testing.T) {
	doc := `{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":5,"drill":"dead"}`
	for name, c := range map[string]struct {
		leave func(*fake)
		found bool
	}{
		"the variable in $LATEST": {func(f *fake) { f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = doc }, true},
		"a version that nobody invokes": {func(f *fake) {
			f.versions["2"] = f.copied("2", describe("dead", "1"))
			f.numbers = 2
		}, false},
		"both": {func(f *fake) {
			f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = doc
			f.versions["2"] = f.copied("2", describe("dead", "1"))
			f.numbers, f.pages = 2, 1
		}, true},
		"the alias there, and $LATEST too": {func(f *fake) {
			f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = doc
			f.versions["2"] = f.copied("2", describe("dead", "1"))
			f.numbers, f.live = 2, "2"
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			c.leave(f)
			p := f.provider()
			got, err := p.Pulled(t.Context())
			if l, found := got[here]; err != nil || found != c.found || found && (l.Token != 5 || !l.Expired(time.Now())) {
				t.Errorf("pulled: %v, %v", got, err)
			}
			if err := p.Release(t.Context(), here, 5); err != nil {
				t.Fatal(err)
			}
			f.clean(t, "1")
			if f.versions["2"] != nil {
				t.Error("the version is left")
			}
		})
	}
	t.Run("a version that somebody published from it", func(t *testing.T) {
		f := newFake()
		f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = doc
		f.versions["2"] = f.copied("2", "the gateway")
		f.numbers, f.live = 2, "2"
		if err := f.provider().Release(t.Context(), here, 5); err != nil {
			t.Fatal(err)
		}
		if f.live != "3" || f.versions["3"].Environment.Variables[health.EnvDrill] != "" || f.versions["$LATEST"].Environment.Variables[health.EnvDrill] != "" {
			t.Errorf("version %s serves", f.live)
		}
	})
	t.Run("the same drill again, after it was killed", func(t *testing.T) {
		f, l := newFake(), lease(7)
		text, err := l.Document(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		f.versions["$LATEST"].Environment.Variables[health.EnvDrill] = text
		f.versions["2"] = f.copied("2", describe("d-1", "0")) // with another way back
		f.numbers = 2
		if err := f.provider().Pull(t.Context(), here, l); err != nil || f.live != "3" || aws.ToString(f.versions["3"].Description) != describe("d-1", "1") {
			t.Errorf("version %s, %v", f.live, err)
		}
	})
}

// Time that is up ends the waiting, with the reason.
func TestLeverGivesUp(t *testing.T) {
	f := newFake()
	f.refuse["UpdateFunctionConfiguration"] = &types.ResourceConflictException{Message: aws.String("An update is in progress")}
	p := f.provider()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := p.Pull(ctx, here, lease(7))
	if !errors.Is(err, control.ErrChanged) || !strings.Contains(err.Error(), "An update is in progress") {
		t.Errorf("got %v", err)
	}
}
