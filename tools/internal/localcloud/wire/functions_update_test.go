package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/shared/health"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// runs are the variables that the local function runs with.
func (b *googleBed) runs(t *testing.T) map[string]string {
	t.Helper()
	w, err := gcp.Project(resource.NewEnv(b.store, gcp.Cloud(), b.services))
	if err != nil || len(w.Functions) != 1 {
		t.Fatalf("%d functions, %v", len(w.Functions), err)
	}
	return w.Functions[0].Environment
}

// A lever has the function built anew with its variable, and afterwards a refresh finds nothing changed.
func TestFunctionsLever(t *testing.T) {
	b := newGoogleBed(t)
	before, _ := b.store.View().Get("gcp:cloudfunctionsv2/function:Function", b.id)
	p, l := b.provider(t, googleToken, b.id), drillLease(7)
	if err := p.Pull(t.Context(), "gcp/us-central1", l); err != nil {
		t.Fatal(err)
	}
	if got := b.runs(t); got["SECRET"] != "hush" || !strings.Contains(got[health.EnvDrill], `"fault":"region-down"`) {
		t.Errorf("runs with %d variables", len(got))
	}
	if b.built() != 2 {
		t.Errorf("built %d times, want once more: hashicorp/terraform-provider-google issue #23781", b.built())
	}
	if got, err := p.Pulled(t.Context()); err != nil || got["gcp/us-central1"] != l {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	if err := p.Release(t.Context(), "gcp/us-central1", 7); err != nil {
		t.Fatal(err)
	}
	if got := b.runs(t); len(got) != 1 || got["SECRET"] != "hush" {
		t.Errorf("runs with %d variables", len(got))
	}
	after, _ := b.store.View().Get("gcp:cloudfunctionsv2/function:Function", b.id)
	if d, err := b.cloud.Controller.Diff("gcp:cloudfunctionsv2/function:Function", before.Inputs, after.Inputs); err != nil || len(d.Changes) > 0 {
		t.Errorf("a refresh finds %+v, %v", d, err)
	}
}

// A build that fails leaves the function as it was, and the operation says why.
func TestFunctionsLeverBuildFails(t *testing.T) {
	b := newGoogleBed(t)
	b.build(func(plane.Function) error { return errors.New("go.mod is broken") })
	err := b.provider(t, googleToken, b.id).Pull(t.Context(), "gcp/us-central1", drillLease(7))
	if err == nil || !strings.Contains(err.Error(), "Build failed") || !strings.Contains(err.Error(), "go.mod is broken") || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
	if got := b.runs(t); len(got) != 1 {
		t.Errorf("runs with %d variables", len(got))
	}
}

// While one update is under way another is refused (firebase/firebase-tools issue #10731), and a lever waits for it.
func TestFunctionsTwiceFacts(t *testing.T) {
	b := newGoogleBed(t)
	begun, end := make(chan struct{}), make(chan struct{})
	var began atomic.Bool
	b.build(func(plane.Function) error {
		if began.CompareAndSwap(false, true) {
			close(begun)
			<-end
		}
		return nil
	})
	patch := "/v2/" + b.id + "?updateMask=serviceConfig.environmentVariables"
	first := make(chan int, 1)
	go func() {
		status, _ := ask(t, b.server, "PATCH", patch, "Bearer "+googleToken, `{"serviceConfig":{"environmentVariables":{"SECRET":"hush","NEW":"1"}}}`)
		first <- status
	}()
	<-begun
	if status, body := ask(t, b.server, "PATCH", patch, "Bearer "+googleToken, `{}`); status != 409 || !strings.Contains(string(body), `"status":"ABORTED"`) || !strings.Contains(string(body), "unable to queue the operation") {
		t.Errorf("%d %s", status, body)
	}
	pulled := make(chan error, 1)
	go func() { pulled <- b.provider(t, googleToken, b.id).Pull(t.Context(), "gcp/us-central1", drillLease(7)) }()
	select {
	case err := <-pulled:
		close(end)
		<-first
		t.Fatalf("the lever did not wait: %v", err)
	case <-time.After(50 * time.Millisecond): // it may come later still, and then finds the function at rest
	}
	close(end)
	if status := <-first; status != 200 {
		t.Errorf("the first update: %d", status)
	}
	if err := <-pulled; err != nil {
		t.Fatal(err)
	}
	if got := b.runs(t); got["NEW"] != "1" || got[health.EnvDrill] == "" {
		t.Errorf("runs with %d variables", len(got))
	}
}

// Google's own rules about updates. Sources: google.aip.dev/193 and google.aip.dev/151; a reserved name as package gcp has it.
func TestFunctionsAPIFacts(t *testing.T) {
	patch := "?updateMask=serviceConfig.environmentVariables"
	for name, c := range map[string]struct {
		method, path, body string // the path after the function's
		want               int
		says               string // in the answer, or in the operation's end
	}{
		"update of no function": {"PATCH", "x" + patch, `{}`, 404, "was not found"},
		"no such operation":     {"GET", "/../../operations/o", "", 404, "was not found"},
		"a reserved name":       {"PATCH", patch, `{"serviceConfig":{"environmentVariables":{"PORT":"1"}}}`, 200, "reserved env names"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newGoogleBed(t)
			where := "/v2/" + b.id + c.path
			if strings.HasPrefix(c.path, "/..") {
				where = "/v2/projects/polygate-test/locations/us-central1" + strings.TrimPrefix(c.path, "/../..")
			}
			status, body := ask(t, b.server, c.method, where, "Bearer "+googleToken, c.body)
			if status != c.want {
				t.Fatalf("%d %s", status, body)
			}
			if status == 200 {
				var op struct{ Name string }
				if err := json.Unmarshal(body, &op); err != nil {
					t.Fatal(err)
				}
				if _, body = ask(t, b.server, "GET", "/v2/"+op.Name, "Bearer "+googleToken, ""); !strings.Contains(string(body), `"error":`) {
					t.Errorf("the operation is %s", body)
				}
			}
			if !strings.Contains(string(body), c.says) {
				t.Errorf("%s: want ...%s...", body, c.says)
			}
		})
	}
}

// What the local clouds would not carry out is refused.
func TestFunctionsUpdateBounds(t *testing.T) {
	b := newGoogleBed(t)
	for name, c := range map[string]struct {
		query, body string
		status      int
		says        string
	}{
		"another mask":                 {"?updateMask=labels", `{}`, 501, "UNIMPLEMENTED"},
		"no mask, which is all fields": {"", `{}`, 501, "UNIMPLEMENTED"},
		"no JSON":                      {"?updateMask=serviceConfig.environmentVariables", `{`, 400, "INVALID_ARGUMENT"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := ask(t, b.server, "PATCH", "/v2/"+b.id+c.query, "Bearer "+googleToken, c.body); status != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	b.lost = true
	if err := b.provider(t, googleToken, b.id).Pull(t.Context(), "gcp/us-central1", drillLease(7)); err == nil || !strings.Contains(err.Error(), "currently unavailable") || errors.Is(err, control.ErrChanged) {
		t.Errorf("lost: %v", err)
	}
}
