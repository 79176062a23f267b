package lambda

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// warmed makes a function with two provisioned instances.
func warmed(t *testing.T, change func(*Options)) *Function {
	t.Helper()
	f := setup(t, func(o *Options) {
		o.Function.Warm, o.Function.Version, o.Function.ID = 2, "3", arn+":live"
		if change != nil {
			change(o)
		}
	})
	f.Warm(t.Context())
	return f
}

// Source: Lambda developer guide, "Configuring provisioned concurrency for a function", and of the variables "Defined runtime
// environment variables".
func TestWarmInstancesAreThereBeforeARequest(t *testing.T) {
	f := warmed(t, func(o *Options) { o.IdleTimeout = time.Millisecond })
	if n := f.Instances(); n != 2 {
		t.Fatalf("%d instances, want the two provisioned", n)
	}
	var env []string
	if err := json.Unmarshal(do(t, f, "env").Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency", "AWS_LAMBDA_FUNCTION_VERSION=3", "AWS_LAMBDA_FUNCTION_NAME=gateway",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment has no %s", want)
		}
	}
	if !slices.ContainsFunc(env, func(e string) bool {
		return strings.HasPrefix(e, "AWS_LAMBDA_LOG_STREAM_NAME=") && strings.Contains(e, "/[3]")
	}) {
		t.Error("the log stream does not name the version")
	}
	deadline := time.Now().Add(50 * time.Millisecond) // fifty times as long as others idle
	for time.Now().Before(deadline) {
		if n := f.Instances(); n != 2 {
			t.Fatalf("%d instances after a while without a request, want two", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// One that ends is replaced though nobody calls.
func TestWarmInstanceThatEndsIsReplaced(t *testing.T) {
	f := warmed(t, nil)
	before := string(do(t, f, "pid").Payload)
	if r := do(t, f, "exit"); !r.Failed() {
		t.Fatal("the instance did not end")
	}
	for deadline := time.Now().Add(5 * time.Second); f.Instances() != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d instances, want two again", f.Instances())
		}
	}
	if after := do(t, f, "pid"); after.Failed() || string(after.Payload) == before {
		t.Errorf("after the end of %s: %s", before, after.Payload)
	}
}

// What does not start costs the requests nothing but the wait for one that does.
func TestWarmInstancesThatDoNotStart(t *testing.T) {
	f := warmed(t, func(o *Options) { o.Function.Environment[runtimetest.EnvInit] = "exit" })
	if n := f.Instances(); n != 0 {
		t.Errorf("%d instances are counted", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slots != 0 {
		t.Errorf("%d slots are taken", f.slots)
	}
}
