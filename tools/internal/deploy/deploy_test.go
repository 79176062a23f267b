package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	known "polygate.example/tools/internal/localcloud/resource"
)

func TestWatch(t *testing.T) {
	meta := apitype.StepEventMetadata{Op: "create", URN: "urn:pulumi:local::polygate::aws:lambda/function:Function::use1", Type: "aws:lambda/function:Function"}
	var got []Progress
	w := watch(func(p Progress) { got = append(got, p) })
	for _, e := range []apitype.EngineEvent{
		{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: meta}},
		{ResOutputsEvent: &apitype.ResOutputsEvent{Metadata: meta}},
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "info", Message: "not a reason"}},
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "error", URN: meta.URN, Message: "<{%reset%}>it broke<{%reset%}>\n"}},
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "error", Message: "<{%reset%}>update failed<{%reset%}>\n"}},
		{ResOpFailedEvent: &apitype.ResOpFailedEvent{Metadata: meta}},
	} {
		w.events <- events.EngineEvent{EngineEvent: e}
	}
	close(w.events)
	if reasons := w.wait(); len(reasons) != 1 || reasons[0] != "use1: it broke" {
		t.Errorf("reasons %q, want the one that says something", reasons)
	}
	if len(got) != 3 || got[0].Finished || !got[1].Finished || got[1].Done != 1 || !got[2].Failed || got[1].Name != "use1" {
		t.Errorf("progress %+v", got)
	}
}

func TestUntag(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"<{%fg 1%}>red<{%reset%}>":  "red",
		"open <{% and never closed": "open <{% and never closed",
		"a<{%x%}><{%y%}>b":          "ab",
	} {
		if got := untag(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A stack of an older version has no forecast, which is no failure of the newer one.
func TestDecodeForecast(t *testing.T) {
	if _, err := decodeForecast(auto.OutputMap{TopologyOutput: {}}); !errors.Is(err, ErrNoForecast) {
		t.Errorf("without one: %v", err)
	}
	if _, err := decodeForecast(auto.OutputMap{ForecastOutput: {Value: map[string]any{"colour": "red"}}}); err == nil || errors.Is(err, ErrNoForecast) {
		t.Errorf("another version's: %v", err)
	}
	got, err := decodeForecast(auto.OutputMap{ForecastOutput: {Value: map[string]any{"monthly_usd": 23.25}}})
	if err != nil || got.Monthly != 23.25 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFailureSaysWhatToDo(t *testing.T) {
	cause := errors.New("exit status 255")
	for name, c := range map[string]struct {
		f    Failure
		want []string
	}{
		"reasons":       {Failure{Verb: "up", Environment: "dev", Reasons: []string{"use1: it broke"}, Err: cause}, []string{"up of \"dev\" failed", "use1: it broke", "run `polygate up -s dev` again"}},
		"interrupted":   {Failure{Verb: "up", Environment: "dev", Interrupted: true, Err: cause}, []string{"was interrupted", "again to go on"}},
		"killed before": {Failure{Verb: "up", Environment: "dev", Reasons: []string{"x: already exists"}, Pending: []string{"use1-route"}, Err: cause}, []string{"killed while it worked on use1-route", "pulumi import"}},
		"preview":       {Failure{Verb: "preview", Environment: "dev", Err: cause}, []string{"preview of \"dev\" failed: exit status 255"}},
		"local":         {Failure{Verb: "up", Environment: "dev", Local: true, Err: cause}, []string{"or `polygate destroy -s dev --force` to start afresh"}},
		"refused by ACM": {Failure{Verb: "up", Environment: "dev", Err: cause, Reasons: []string{
			"use1-certificate-issued: waiting for ACM Certificate (arn:x) to be issued: unexpected state 'FAILED', wanted target 'ISSUED'. last error: CAA_ERROR"}},
			[]string{"mend why", "polygate doctor -s dev", "the next up requests another one"}},
		"no reasons": {Failure{Verb: "destroy", Environment: "dev", Err: cause}, []string{"exit status 255", "polygate destroy -s dev"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.f.Error(), want) {
				t.Errorf("%s: %q is not in %q", name, want, c.f.Error())
			}
		}
		if again := strings.Contains(c.f.Error(), "again to go on"); again == (c.f.Verb == verbPreview) {
			t.Errorf("%s: %q; a preview has done nothing to go on with", name, c.f.Error())
		}
		if !errors.Is(&c.f, cause) {
			t.Errorf("%s does not wrap its cause", name)
		}
	}
}

func TestFileBackend(t *testing.T) {
	for in, want := range map[string]string{"file:///a/b": "/a/b", "s3://bucket": "", "": "", "https://api.pulumi.com": ""} {
		if got, ok := fileBackend(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
}

func TestChanges(t *testing.T) {
	if (Changes{"same": 148}).Any() {
		t.Error("same counts as a change")
	}
	if !(Changes{"same": 1, unrecorded: 1}).Any() {
		t.Error("what is not recorded counts as nothing")
	}
	if !(Changes{"same": 1, "update": 1}).Any() {
		t.Error("an update counts as none")
	}
}

func TestDecode(t *testing.T) {
	if _, err := decode(auto.OutputMap{}); err == nil || !strings.Contains(err.Error(), "run `polygate up` to completion") {
		t.Errorf("no topology: %v", err)
	}
	if _, err := decode(auto.OutputMap{TopologyOutput: {Value: map[string]any{"colour": "red"}}}); err == nil {
		t.Error("a topology of another make was accepted")
	}
	got, err := decode(auto.OutputMap{TopologyOutput: {Value: map[string]any{"hostname": "api.example.com", "bound_seconds": 62}}})
	if err != nil || got.Hostname != "api.example.com" || got.Bound != 62 {
		t.Errorf("%+v, %v", got, err)
	}
}

// witness knows what it is told to.
type witness struct {
	beside, gone int
	told         []known.Known
	swept        bool
}

func (w *witness) Disown(_ context.Context, recorded []known.Known) (beside, gone int, err error) {
	w.told = recorded
	return w.beside, w.gone, nil
}

func (w *witness) Sweep(context.Context) ([]string, error) {
	w.swept = true
	return []string{"a:b:Front old"}, nil
}

// TestWitness: whoever knows what there is, is told what the state knows. After a run that was killed, what that removed is taken out of the
// state, also when nothing else tells of the kill; and a preview does not say that nothing would change.
func TestWitness(t *testing.T) {
	const front = "urn:pulumi:local::polygate::a:b:Front::front"
	const state = `{"version":3,"deployment":{"resources":[{"urn":"urn:pulumi:local::polygate::pulumi:pulumi:Stack::x","type":"pulumi:pulumi:Stack"},` +
		`{"urn":"` + front + `","custom":true,"id":"f","type":"a:b:Front"},{"urn":"` + front + `","custom":true,"id":"old","type":"a:b:Front","delete":true}]%s}}`
	const pending = `,"pending_operations":[{"type":"creating","resource":{"urn":"urn:pulumi:local::polygate::a:b:Front::back","custom":true,"type":"a:b:Front"}}]`
	for _, c := range []struct {
		name         string
		beside, gone int
		pending      string
		refreshes    bool
	}{
		{"nobody was killed", 0, 0, "", false},
		{"killed while it made", 3, 0, "", true},
		{"killed while it removed", 0, 3, "", true},
		{"killed, and recorded what it began", 0, 0, pending, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{beside: c.beside, gone: c.gone}
			said := ""
			s, err := Open(t.Context(), Options{
				Root: t.TempDir(), Environment: "local", Program: func(*pulumi.Context) error { return nil }, Witness: w,
				Notice: func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" },
				CLI:    mute{"stack export": fmt.Sprintf(state, c.pending), "refresh": "error: it refreshed", "up": "error: it went on", "preview": "error: it looked"},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Up(t.Context())
			want := map[bool]string{true: "it refreshed", false: "it went on"}[c.refreshes]
			if err == nil || !strings.Contains(err.Error(), want) || w.swept {
				t.Errorf("%v, swept %t; want %q and nothing swept", err, w.swept, want)
			}
			if diff := cmp.Diff([]known.Known{{URN: front, Type: "a:b:Front", ID: "f"}, {URN: front, Type: "a:b:Front", ID: "old"}}, w.told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			said = ""
			if _, err := s.Preview(t.Context()); err == nil || strings.Contains(said, "the next `polygate up -s local` mends that") != (c.beside+c.gone > 0) {
				t.Errorf("a preview says %q, %v", said, err)
			}
		})
	}
}

// TestRecorded: a file backend's state is read as it lies there, and by whoever wrote it when that is not as expected.
func TestRecorded(t *testing.T) {
	const resource = `{"urn":"urn:pulumi:local::polygate::a:b:Front::front","custom":true,"id":"f","type":"a:b:Front"}`
	for name, c := range map[string]struct {
		file string // "" is none
		want string // the only resource's id
	}{
		"as it lies there":   {`{"version":4,"features":["hooks"],"checkpoint":{"latest":{"resources":[` + resource + `]}}}`, "f"},
		"empty":              {`{"version":3,"checkpoint":{"stack":"local"}}`, ""},
		"of another version": {`{"version":5,"checkpoint":{}}`, "asked"},
		"compressed":         {"\x1f\x8b", "asked"},
		"elsewhere":          {"", "asked"},
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := t.TempDir(), t.TempDir()
			if c.file != "" {
				if err := errors.Join(os.MkdirAll(filepath.Dir(stateFile(dir, "local")), 0o755), os.WriteFile(stateFile(dir, "local"), []byte(c.file), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			cli := mute{"stack export": `{"version":3,"deployment":{"resources":[` + strings.Replace(resource, `"f"`, `"asked"`, 1) + `]}}`}
			// Select, as Open would first mend a state that it cannot read.
			s, err := Select(t.Context(), Options{Root: root, Environment: "local", CLI: cli, Program: func(*pulumi.Context) error { return nil }, Env: map[string]string{"PULUMI_BACKEND_URL": "file://" + dir}})
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.recorded(t.Context())
			got := ""
			for _, r := range d.Resources {
				got += string(r.ID)
			}
			if got != c.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestCutOffLock: a lock that was never finished is nobody's, once it is old enough not to be one that is being written.
func TestCutOffLock(t *testing.T) {
	for age, removed := range map[time.Duration]bool{0: false, time.Minute: true} {
		dir := t.TempDir()
		file := filepath.Join(dir, ".pulumi", "locks", "organization", Project, "local", "aaaa.json")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		s := &Stack{opts: Options{Environment: "local", Env: map[string]string{"PULUMI_BACKEND_URL": "file://" + dir}, Notice: t.Logf}}
		killed, err := s.recoverLock(t.Context())
		_, gone := os.Stat(file)
		if err != nil || killed != removed || os.IsNotExist(gone) != removed {
			t.Errorf("%s old: killed %t, %v, %v; want it removed: %t", age, killed, err, gone, removed)
		}
	}
}

// TestRecoverState: a state that was cut off while it was written is replaced by the newest whole copy.
func TestRecoverState(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string // below .pulumi
		want  string            // the state afterwards
		err   string
	}{
		{"whole", map[string]string{"stacks/polygate/local.json": "{}", "stacks/polygate/local.json.bak": `{"old":1}`}, "{}", ""},
		{"none", nil, "", ""},
		{"half a side file", map[string]string{"stacks/polygate/local.json": "{}", "stacks/polygate/local.json.attrs": ""}, "{}", ""},
		{"empty, with a copy", map[string]string{"stacks/polygate/local.json": "", "stacks/polygate/local.json.bak": `{"bak":1}`}, `{"bak":1}`, ""},
		{"half, copy half as well", map[string]string{"stacks/polygate/local.json": `{"a":`, "stacks/polygate/local.json.bak": `{"b`,
			"history/polygate/local/local-1.checkpoint.json": `{"h":1}`, "history/polygate/local/local-2.checkpoint.json": `{"h":2}`}, `{"h":2}`, ""},
		{"nothing whole", map[string]string{"stacks/polygate/local.json": "{"}, "{", "destroy --force"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range c.files {
				path := filepath.Join(dir, ".pulumi", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := recoverState(Options{Environment: "local", Env: map[string]string{"PULUMI_BACKEND_URL": "file://" + dir}, Notice: t.Logf})
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if _, err := os.Stat(filepath.Join(dir, ".pulumi", "stacks/polygate/local.json.attrs")); !os.IsNotExist(err) {
				t.Errorf("half a side file is still there: %v", err)
			}
			b, _ := os.ReadFile(filepath.Join(dir, ".pulumi", "stacks", "polygate", "local.json"))
			if string(b) != c.want {
				t.Errorf("state %q, want %q", b, c.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	cause := errors.New("exit status 255, and a transcript of a thousand lines")
	if err := (&listening{}).explain(cause); !errors.Is(err, cause) {
		t.Errorf("without a complaint: %v", err)
	}
	err := (&listening{complaint: "the passphrase is wrong"}).explain(cause)
	if err.Error() != "the passphrase is wrong" || !errors.Is(err, cause) {
		t.Errorf("with one: %v", err)
	}
}

// mute is a Pulumi CLI that answers from a table, by its first words, and opens no event log.
type mute map[string]string

func (m mute) Version() semver.Version { return semver.MustParse("3.253.0") }

func (m mute) Run(_ context.Context, _ string, _ io.Reader, _, _ []io.Writer, _ []string, args ...string) (string, string, int, error) {
	for words, answer := range m {
		if !strings.HasPrefix(strings.Join(args, " "), words) {
			continue
		}
		if complaint, ok := strings.CutPrefix(answer, "error: "); ok {
			return "", "error: " + complaint, 255, errors.New("exit status 255")
		}
		return answer, "", 0, nil
	}
	return "", "", 0, nil
}

// TestProtected: what is protected keeps the rest as well, which the engine would remove first.
func TestProtected(t *testing.T) {
	const state = `{"version":3,"deployment":{"resources":[{"urn":"urn:pulumi:dev::polygate::a:b:Front::front","custom":true,"id":"f","type":"a:b:Front","protect":%t},` +
		`{"urn":"urn:pulumi:dev::polygate::a:b:Alarm::alarm","custom":true,"id":"a","type":"a:b:Alarm"}]}}`
	for _, protected := range []bool{true, false} {
		cli := mute{"stack export": fmt.Sprintf(state, protected), "destroy": "error: the engine was asked"}
		s, err := Open(t.Context(), Options{Root: t.TempDir(), Environment: "dev", CLI: cli, Program: func(*pulumi.Context) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Destroy(t.Context())
		if errors.Is(err, ErrProtected) != protected || err == nil || strings.Contains(err.Error(), "the engine was asked") == protected {
			t.Errorf("protected %t: %v", protected, err)
		}
		if want := "keeps 1 resource of \"dev\""; protected && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestEndsBeforeItBegins: a CLI that gives up before it opens the event log, as with a stack that somebody else has locked,
// ends the verb with its complaint.
func TestEndsBeforeItBegins(t *testing.T) {
	const locked = "the stack is currently locked by 1 lock(s)"
	cli := mute{"stack export": `{"version":3,"deployment":{}}`, "up": "error: " + locked, "preview": "error: " + locked, "destroy": "error: " + locked}
	s, err := Open(t.Context(), Options{Root: t.TempDir(), Environment: "dev", CLI: cli, Program: func(*pulumi.Context) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for verb, run := range map[string]func() error{
		"up":      func() error { _, err := s.Up(t.Context()); return err },
		"preview": func() error { _, err := s.Preview(t.Context()); return err },
		"destroy": func() error { return s.Destroy(t.Context()) },
	} {
		ended := make(chan error, 1)
		go func() { ended <- run() }()
		select {
		case err := <-ended:
			if f := new(Failure); !errors.As(err, &f) || f.Verb != verb || !strings.Contains(err.Error(), locked) {
				t.Errorf("%s: %v, want a failure that says that the stack is locked", verb, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s never ends", verb)
		}
	}
}

// TestSelect changes nothing: it creates no stack.
func TestSelect(t *testing.T) {
	opts := Options{Root: t.TempDir(), Environment: "dev", Program: func(*pulumi.Context) error { return nil }, Backend: "s3://states"}
	opts.CLI = mute{"stack select": "error: no stack named 'dev' found", "stack init": "error: it was asked to create one"}
	if _, err := Select(t.Context(), opts); !errors.Is(err, ErrNoStack) {
		t.Errorf("no stack: %v", err)
	}
	opts.CLI = mute{"stack select": "error: access denied"}
	if _, err := Select(t.Context(), opts); err == nil || errors.Is(err, ErrNoStack) || !strings.Contains(err.Error(), `"dev" in s3://states: access denied`) {
		t.Errorf("no access: %v", err)
	}
}
