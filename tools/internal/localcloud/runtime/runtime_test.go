package runtime

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/cloudrun"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
	"polygate.example/tools/internal/localcloud/runtime/unpack"
)

func TestMain(m *testing.M) { runtimetest.Main(m) }

func setup(t *testing.T) *Runtimes {
	t.Helper()
	r := New(Options{Dir: t.TempDir()})
	t.Cleanup(func() {
		r.Close()
		if n := r.Processes(); n != 0 {
			t.Errorf("%d processes left after Close", n)
		}
	})
	return r
}

func lambdaFunction(t *testing.T) plane.Function {
	t.Helper()
	path, digest := runtimetest.LambdaZip(t)
	return plane.Function{
		ID: "arn:aws:lambda:us-east-1:000000000000:function:gateway", Region: "aws/us-east-1", Runtime: plane.Lambda,
		Package: path, Digest: digest, Entry: "bootstrap", Memory: 128, Timeout: 10 * time.Second, Instances: 2,
		Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleLambda},
	}
}

func azureFunction(t *testing.T) plane.Function {
	t.Helper()
	path, digest := runtimetest.AzureZip(t, "enableForwardingHttpRequest", "get", "post")
	return plane.Function{
		ID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/gateway", Region: "azure/eastus",
		Runtime: plane.AzureFunctions, Package: path, Digest: digest,
		Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleAzure},
	}
}

func pid(t *testing.T, r *Runtimes, id string) string {
	t.Helper()
	v, ok := r.Serve(id)
	if !ok || v.Event == nil || v.HTTP != nil {
		t.Fatalf("%s is not served as a Lambda function", id)
	}
	result, err := v.Event.Invoke(t.Context(), []byte(`{"do":"pid"}`))
	if err != nil || result.Failed() {
		t.Fatalf("%v: %s", err, result.Payload)
	}
	return string(result.Payload)
}

func fetch(t *testing.T, r *Runtimes, id, path string) (int, string) {
	t.Helper()
	v, ok := r.Serve(id)
	if !ok || v.HTTP == nil || v.Event != nil {
		t.Fatalf("%s is not served over HTTP", id)
	}
	w := httptest.NewRecorder()
	v.HTTP.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestApplyServesAndEnds(t *testing.T) {
	r := setup(t)
	l, a := lambdaFunction(t), azureFunction(t)
	if err := r.Apply(t.Context(), []plane.Function{l, a}); err != nil {
		t.Fatal(err)
	}
	first := pid(t, r, l.ID)
	if code, body := fetch(t, r, a.ID, "/status/200"); code != 200 {
		t.Fatalf("azure: %d %s", code, body)
	}
	if n := r.Processes(); n != 2 {
		t.Errorf("%d processes, want 2", n)
	}
	// The same again, from another path and with an equal map, changes nothing.
	l.Package = "/elsewhere/package.zip"
	l.Environment = maps.Clone(l.Environment)
	if err := r.Apply(t.Context(), []plane.Function{l, a}); err != nil {
		t.Fatal(err)
	}
	if again := pid(t, r, l.ID); again != first {
		t.Errorf("an unchanged function was replaced: process %s, then %s", first, again)
	}
	if err := r.Apply(t.Context(), []plane.Function{a}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Serve(l.ID); ok {
		t.Error("a function that is not wanted is still served")
	}
	if n := r.Processes(); n != 1 {
		t.Errorf("%d processes after the end of one function, want 1", n)
	}
	if log := r.Logs(l.ID); !slices.Contains(log, "bootstrap starts") {
		t.Errorf("log of the ended function: %q", log)
	}
	if log := r.Logs("nobody"); log != nil {
		t.Errorf("log of nobody: %q", log)
	}
}

func TestApplyReplacesWhatChanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*plane.Function)
	}{
		{"environment", func(f *plane.Function) {
			f.Environment = map[string]string{runtimetest.EnvRole: runtimetest.RoleLambda, "NEW": "1"}
		}},
		{"memory", func(f *plane.Function) { f.Memory = 512 }},
		{"timeout", func(f *plane.Function) { f.Timeout = 9 * time.Second }},
		{"concurrency", func(f *plane.Function) { f.Concurrency = 2 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := setup(t)
			f := lambdaFunction(t)
			if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
				t.Fatal(err)
			}
			before := pid(t, r, f.ID)
			tt.change(&f)
			if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
				t.Fatal(err)
			}
			if after := pid(t, r, f.ID); after == before {
				t.Error("the old process still answers")
			}
			waitFor(t, "the old version to end", func() bool { return r.Processes() == 1 })
		})
	}
}

// An invocation in progress when its function is replaced still gets its answer.
func TestReplacedVersionFinishesItsRequests(t *testing.T) {
	r := setup(t)
	f := lambdaFunction(t)
	if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
		t.Fatal(err)
	}
	before := pid(t, r, f.ID)
	v, _ := r.Serve(f.ID)
	answer := make(chan string, 1)
	go func() {
		result, err := v.Event.Invoke(t.Context(), []byte(`{"do":"sleep/500"}`))
		answer <- fmt.Sprint(string(result.Payload), err)
	}()
	waitFor(t, "the second START", func() bool { return strings.Count(strings.Join(r.Logs(f.ID), "\n"), "START") == 2 })
	f.Memory = 1024
	if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
		t.Fatal(err)
	}
	if after := pid(t, r, f.ID); after == before {
		t.Error("the old process still answers new requests")
	}
	if got := <-answer; got != before+"<nil>" {
		t.Errorf("the request in progress got %s, want %s from the old process", got, before)
	}
	waitFor(t, "the old version to end", func() bool { return r.Processes() == 1 })
}

// A front asks for the function first and calls it later, when it has read the request: a version replaced in between must
// not cost the request.
func TestCallAfterAReplacementGoesToTheNewVersion(t *testing.T) {
	r := setup(t)
	f := lambdaFunction(t)
	if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
		t.Fatal(err)
	}
	before := pid(t, r, f.ID)
	v, _ := r.Serve(f.ID)
	f.Memory = 1024
	if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the old version to end", func() bool { return r.Processes() == 0 })
	if result, err := v.Event.Invoke(t.Context(), []byte(`{"do":"pid"}`)); err != nil || result.Failed() || string(result.Payload) == before {
		t.Errorf("%v: %s, want an answer from another process than %s", err, result.Payload, before)
	}
}

// What nobody needs any more goes from the disk, and so does what a killed run has left half done; what is served and what
// was checked stays.
func TestSweep(t *testing.T) {
	r := setup(t)
	for _, left := range []string{"packages/part-1", "builds/old/stage-1"} {
		if err := os.MkdirAll(filepath.Join(r.o.Dir, left), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unpacked := func() []string {
		t.Helper()
		var names []string
		for _, kind := range []string{"packages", "builds"} {
			entries, err := os.ReadDir(filepath.Join(r.o.Dir, kind))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				names = append(names, e.Name())
			}
		}
		slices.Sort(names)
		return names
	}
	l, a := lambdaFunction(t), azureFunction(t)
	next := l
	next.Package, next.Digest = runtimetest.Zip(t, map[string]runtimetest.File{"bootstrap": runtimetest.Binary(t), "new": {}})
	if err := r.Check(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := []string{l.Digest, a.Digest}
	slices.Sort(want)
	for range 2 {
		if err := r.Apply(t.Context(), []plane.Function{l}); err != nil {
			t.Fatal(err)
		}
		if got := unpacked(); !slices.Equal(got, want) {
			t.Errorf("on disk %q, want the served and the checked package %q", got, want)
		}
	}
	if err := r.Apply(t.Context(), []plane.Function{next, a}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the old version to end", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.retired) == 0 })
	if err := r.Apply(t.Context(), []plane.Function{next, a}); err != nil {
		t.Fatal(err)
	}
	want = []string{next.Digest, a.Digest}
	slices.Sort(want)
	if got := unpacked(); !slices.Equal(got, want) {
		t.Errorf("after the update on disk %q, want %q", got, want)
	}
	if result := pid(t, r, l.ID); result == "" {
		t.Error("the new version does not answer")
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestApplyReportsEachFunctionAndServesTheRest(t *testing.T) {
	r := setup(t)
	good := lambdaFunction(t)
	bad := good
	bad.ID, bad.Digest = good.ID+"2", strings.Repeat("0", 64)
	odd := good
	odd.ID, odd.Runtime = good.ID+"3", "fortran"
	noDot := good
	noDot.ID, noDot.Runtime = "projects/p/locations/l/functions/f", plane.CloudFunction
	noDot.Package, noDot.Digest = runtimetest.Zip(t, map[string]runtimetest.File{
		"go.mod": {Content: []byte("module nodot\n")}, "f.go": {Content: []byte("package f\n")},
	})
	err := r.Apply(t.Context(), []plane.Function{bad, good, odd, noDot})
	if !errors.Is(err, unpack.ErrDigest) {
		t.Errorf("%v does not report the wrong digest", err)
	}
	var build *cloudrun.BuildError
	if !errors.As(err, &build) {
		t.Errorf("%v does not report the build", err)
	}
	for _, want := range []string{bad.ID + ": ", odd.ID + `: unknown runtime "fortran"`, noDot.ID + ": Build failed: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	pid(t, r, good.ID)
	// A failed update leaves the version before.
	good.Digest = bad.Digest
	if err := r.Apply(t.Context(), []plane.Function{good}); !errors.Is(err, unpack.ErrDigest) {
		t.Errorf("update: %v, want ErrDigest", err)
	}
	pid(t, r, good.ID)
}

func TestCheck(t *testing.T) {
	r := setup(t)
	if err := r.Check(t.Context(), lambdaFunction(t)); err != nil {
		t.Error(err)
	}
	broken := azureFunction(t)
	broken.Package, broken.Digest = runtimetest.Zip(t, map[string]runtimetest.File{"host.json": {Content: []byte(`{}`)}})
	var fe *FunctionError
	if err := r.Check(t.Context(), broken); !errors.As(err, &fe) || fe.ID != broken.ID {
		t.Errorf("got %v, want a FunctionError of %s", err, broken.ID)
	}
	// Azure takes the package all the same, and the app answers 503.
	if err := r.Apply(t.Context(), []plane.Function{broken}); err != nil {
		t.Fatal(err)
	}
	if code, _ := fetch(t, r, broken.ID, "/"); code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", code)
	}
	if r.Processes() != 0 {
		t.Errorf("%d processes, want none", r.Processes())
	}
}

func TestCloudFunctionIsBuiltOnceForTwoRegions(t *testing.T) {
	r := setup(t)
	path, digest := runtimetest.Zip(t, runtimetest.FunctionFiles(t))
	var functions []plane.Function
	for _, region := range []string{"us-central1", "europe-west1"} {
		functions = append(functions, plane.Function{
			ID: "projects/p/locations/" + region + "/functions/gateway", Region: "gcp/" + region, Runtime: plane.CloudFunction,
			Package: path, Digest: digest, Entry: "Gateway", Timeout: 10 * time.Second, Instances: 1,
		})
	}
	if err := r.Apply(t.Context(), functions); err != nil {
		t.Fatal(err)
	}
	if len(r.builds.by) != 1 {
		t.Errorf("%d builds, want 1", len(r.builds.by))
	}
	// A revision is ready when its first instance listens.
	if n := r.Processes(); n != 2 {
		t.Errorf("%d processes after Apply, want one for each region", n)
	}
	for _, f := range functions {
		if code, body := fetch(t, r, f.ID, "/x"); code != 200 || !strings.Contains(body, `"Target":"/x"`) {
			t.Errorf("%s: %d %s", f.ID, code, body)
		}
	}
	if err := r.Check(t.Context(), functions[0]); err != nil {
		t.Error(err)
	}
	// A wrong entry point is found before it is deployed, and says what the function wrote ...
	wrong := functions[0]
	wrong.Entry = "Other"
	if err := r.Check(t.Context(), wrong); !errors.Is(err, cloudrun.ErrStartup) || !strings.Contains(err.Error(), "no matching function found") {
		t.Errorf("check: got %v, want ErrStartup with the function's own words", err)
	}
	if n := r.Processes(); n != 2 {
		t.Errorf("%d processes after the checks, want those that serve", n)
	}
	// ... and does not take the serving revision away.
	if err := r.Apply(t.Context(), []plane.Function{wrong, functions[1]}); !errors.Is(err, cloudrun.ErrStartup) {
		t.Errorf("got %v, want ErrStartup", err)
	}
	if code, _ := fetch(t, r, wrong.ID, "/x"); code != 200 {
		t.Errorf("after the failed update: %d", code)
	}
}

func TestClosedRuntimes(t *testing.T) {
	r := New(Options{Dir: t.TempDir()})
	f := lambdaFunction(t)
	if err := r.Apply(t.Context(), []plane.Function{f}); err != nil {
		t.Fatal(err)
	}
	pid(t, r, f.ID)
	r.Close()
	r.Close() // a second time is allowed
	if err := r.Apply(t.Context(), []plane.Function{f}); !errors.Is(err, ErrClosed) {
		t.Errorf("Apply after Close: %v, want ErrClosed", err)
	}
	if _, ok := r.Serve(f.ID); ok {
		t.Error("still served after Close")
	}
}

// TestSecretsChangeUnderAFunction: a new value of a secret replaces no function that learns of it while it runs, and the loss of
// the extension, another reference, or a value that is no secret does.
func TestSecretsChangeUnderAFunction(t *testing.T) {
	r := setup(t)
	l := lambdaFunction(t)
	with := func(environment, fetched map[string]string, secrets map[string]plane.Secret) plane.Function {
		f := l
		f.Environment = maps.Clone(l.Environment)
		maps.Copy(f.Environment, environment)
		f.Fetched, f.Secrets = fetched, secrets
		return f
	}
	latest, pinned := map[string]string{"KEY": "key/versions/latest"}, map[string]string{"KEY": "key/versions/1"}
	one, two := map[string]plane.Secret{"arn": {Version: 1, Value: "1"}}, map[string]plane.Secret{"arn": {Version: 2, Value: "2"}, "other": {}}
	lost := with(nil, latest, one)
	lost.Unfetched = "permission denied"
	var before string
	for _, step := range []struct {
		name     string
		function plane.Function
		replaced bool
	}{
		{"first", with(map[string]string{"KEY": "1"}, latest, one), true},
		{"other secrets beside it", with(map[string]string{"KEY": "1"}, latest, two), false},
		{"none that it may read", with(map[string]string{"KEY": "1"}, latest, map[string]plane.Secret{}), false},
		{"another value of what is fetched", with(map[string]string{"KEY": "2"}, latest, one), false},
		{"what is fetched is lost", lost, false},
		{"another reference", with(map[string]string{"KEY": "2"}, pinned, one), true},
		{"a variable of its own", with(map[string]string{"KEY": "2", "OWN": "1"}, pinned, one), true},
		{"another value of its own", with(map[string]string{"KEY": "2", "OWN": "2"}, pinned, one), true},
		{"no extension", with(map[string]string{"KEY": "2", "OWN": "2"}, pinned, nil), true},
		{"a plain variable in place of what is fetched", with(map[string]string{"KEY": "2", "OWN": "2"}, nil, nil), true},
	} {
		if err := r.Apply(t.Context(), []plane.Function{step.function}); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		now := pid(t, r, l.ID)
		if (now != before) != step.replaced {
			t.Errorf("%s: process %s, before %s; replaced should be %t", step.name, now, before, step.replaced)
		}
		before = now
	}
}
