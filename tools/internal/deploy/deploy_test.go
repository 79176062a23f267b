package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
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

func TestFailureSaysWhatToDo(t *testing.T) {
	cause := errors.New("exit status 255")
	for name, c := range map[string]struct {
		f    Failure
		want []string
	}{
		"reasons":       {Failure{Verb: "up", Environment: "dev", Reasons: []string{"use1: it broke"}, Err: cause}, []string{"up of \"dev\" failed", "use1: it broke", "run `polygate up -s dev` again"}},
		"interrupted":   {Failure{Verb: "up", Environment: "dev", Interrupted: true, Err: cause}, []string{"was interrupted", "again to go on"}},
		"killed before": {Failure{Verb: "up", Environment: "dev", Reasons: []string{"x: already exists"}, Pending: []string{"use1-route"}, Err: cause}, []string{"killed while it worked on use1-route", "pulumi import"}},
		"no reasons":    {Failure{Verb: "destroy", Environment: "dev", Err: cause}, []string{"exit status 255", "polygate destroy -s dev"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.f.Error(), want) {
				t.Errorf("%s: %q is not in %q", name, want, c.f.Error())
			}
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
