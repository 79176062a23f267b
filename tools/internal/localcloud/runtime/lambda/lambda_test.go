package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	vendor "github.com/aws/aws-lambda-go/lambda"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/process"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// envVendor makes the test binary a function on AWS's own library.
const envVendor = "POLYGATE_TEST_VENDOR"

func TestMain(m *testing.M) {
	if os.Getenv(envVendor) != "" {
		vendor.Start(func(_ context.Context, e struct{ Do string }) (string, error) {
			if e.Do == "panic" {
				panic("on purpose")
			}
			if e.Do == "error" {
				return "", errors.New("went wrong")
			}
			return strings.ToUpper(e.Do), nil
		})
		return
	}
	runtimetest.Main(m)
}

const arn = "arn:aws:lambda:us-east-1:000000000000:function:gateway"

// setup makes a function whose bootstrap is the test binary; change may adapt its options. When the test ends nothing
// of it may be left.
func setup(t *testing.T, change func(*Options)) *Function {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(root+"/bootstrap", runtimetest.Binary(t).Content, 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Function: plane.Function{
			ID: arn, Region: "aws/us-east-1", Runtime: plane.Lambda, Entry: "bootstrap", Memory: 256,
			Timeout: 10 * time.Second, Instances: 3,
			Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleLambda, "OWN": "value"},
		},
		Root: root, Supervisor: process.NewSupervisor(), Log: &process.Log{},
	}
	if change != nil {
		change(&o)
	}
	f := New(o)
	runtimetest.AtEnd(t, o.Supervisor, o.Log, func() {
		f.Close()
		if n := f.Instances(); n != 0 {
			t.Errorf("%d instances counted after Close", n)
		}
	})
	return f
}

func do(t *testing.T, f *Function, what string) Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), fmt.Appendf(nil, `{"do":%q}`, what))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return r
}

func TestInvokeReusesAnInstance(t *testing.T) {
	f := setup(t, nil)
	first, second := do(t, f, "pid"), do(t, f, "pid")
	if first.Failed() || string(first.Payload) != string(second.Payload) {
		t.Errorf("answered by %s, then by %s, want one process", first.Payload, second.Payload)
	}
	if n := f.Instances(); n != 1 {
		t.Errorf("%d instances, want 1", n)
	}
}

// Source: "Using the Lambda runtime API for custom runtimes", next invocation response headers.
func TestNextHeaders(t *testing.T) {
	f := setup(t, nil)
	before := time.Now()
	r := do(t, f, "header")
	var h http.Header
	if err := json.Unmarshal(r.Payload, &h); err != nil {
		t.Fatalf("%v: %s", err, r.Payload)
	}
	if got := h.Get("Lambda-Runtime-Invoked-Function-Arn"); got != arn {
		t.Errorf("ARN %q, want %q", got, arn)
	}
	if got := h.Get("Lambda-Runtime-Aws-Request-Id"); len(got) != 36 {
		t.Errorf("request id %q, want a UUID", got)
	}
	if got := h.Get("Lambda-Runtime-Trace-Id"); !strings.HasPrefix(got, "Root=1-") {
		t.Errorf("trace id %q", got)
	}
	ms, err := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if left := time.UnixMilli(ms).Sub(before); err != nil || left < 9*time.Second || left > 20*time.Second {
		t.Errorf("deadline %q: %s from before the call (%v), want about 10 s", h.Get("Lambda-Runtime-Deadline-Ms"), left, err)
	}
}

// Source: "Defined runtime environment variables".
func TestEnvironment(t *testing.T) {
	t.Setenv("POLYGATE_SECRET_OF_THE_PARENT", "hush")
	f := setup(t, func(o *Options) {
		o.Extra = []string{"OWN=overridden", "EXTRA=1"}
		o.Function.Environment["AWS_REGION"] = "mars-north-1" // reserved: the platform's counts
	})
	var env []string
	if err := json.Unmarshal(do(t, f, "env").Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_LAMBDA_FUNCTION_NAME=gateway",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "_HANDLER=bootstrap",
		"LAMBDA_TASK_ROOT=" + f.o.Root, "TZ=:UTC", "OWN=value", "EXTRA=1",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing from %q", want, env)
		}
	}
	for _, kv := range env {
		if strings.HasPrefix(kv, "POLYGATE_SECRET") || strings.HasPrefix(kv, "HOME=") || strings.HasPrefix(kv, "AWS_EXECUTION_ENV=") {
			t.Errorf("%s should not be there", kv)
		}
	}
}

func TestOneEventAtATimePerInstance(t *testing.T) {
	f := setup(t, nil)
	release := filepath.Join(t.TempDir(), "release")
	var wg sync.WaitGroup
	pids := make([]string, 3)
	for i := range pids {
		wg.Go(func() {
			r, err := f.Invoke(t.Context(), fmt.Appendf(nil, `{"do":"hold","body":%q}`, release))
			if err != nil {
				t.Error(err)
			}
			pids[i] = string(r.Payload)
		})
	}
	for deadline := time.Now().Add(20 * time.Second); f.Instances() < 3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	// A fourth has no instance to run on, and Lambda does not queue.
	if _, err := f.Invoke(t.Context(), []byte(`{"do":"pid"}`)); !errors.Is(err, ErrThrottled) {
		t.Errorf("fourth of three: %v, want ErrThrottled", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	slices.Sort(pids)
	if len(slices.Compact(pids)) != 3 {
		t.Errorf("answered by %q, want three processes", pids)
	}
}

// Source: "Configuring reserved concurrency for a function": to throttle a function, set it to 0.
func TestNoInstancesAtAll(t *testing.T) {
	f := setup(t, func(o *Options) { o.Function.Instances = -1 })
	if _, err := f.Invoke(t.Context(), []byte(`{"do":"pid"}`)); !errors.Is(err, ErrThrottled) {
		t.Errorf("got %v, want ErrThrottled", err)
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		event   string
		change  func(*Options)
		errType string
		message string // in the payload
	}{
		// Source: "Troubleshoot invocation issues in Lambda"; wording of the vendor's emulator.
		{name: "the function reports an error", event: "error", errType: "Test.Asked", message: "asked to fail"},
		{name: "the process ends", event: "exit", errType: "Runtime.ExitError", message: "Runtime exited with error: exit status 3"},
		{
			name: "the time is over", event: "sleep/5000", errType: "Sandbox.Timedout", message: "Task timed out after 0.30 seconds",
			change: func(o *Options) { o.Function.Timeout = 300 * time.Millisecond },
		},
		{
			name: "no bootstrap", event: "pid", errType: "Runtime.InvalidEntrypoint", message: "Couldn't find valid bootstrap(s)",
			change: func(o *Options) { _ = os.Remove(o.Root + "/bootstrap") },
		},
		{
			name: "bootstrap is not executable", event: "pid", errType: "Runtime.InvalidEntrypoint", message: "fork/exec /var/task/bootstrap: permission denied",
			change: func(o *Options) { _ = os.Chmod(o.Root+"/bootstrap", 0o644) },
		},
		{
			name: "bootstrap is for another machine", event: "pid", errType: "Runtime.InvalidEntrypoint", message: "exec format error",
			change: func(o *Options) { _ = os.WriteFile(o.Root+"/bootstrap", []byte("\x7fELF not really"), 0o755) },
		},
		{
			name: "init ends the process", event: "pid", errType: "Runtime.ExitError", message: "exit status 3",
			change: func(o *Options) { o.Function.Environment[runtimetest.EnvInit] = "exit" },
		},
		{
			name: "init reports an error", event: "pid", errType: "Test.Init", message: "no config",
			change: func(o *Options) { o.Function.Environment[runtimetest.EnvInit] = "error" },
		},
		{
			name: "init hangs", event: "pid", errType: "Sandbox.Timedout", message: "Task timed out after 0.20 seconds",
			change: func(o *Options) {
				o.Function.Environment[runtimetest.EnvInit] = "hang"
				o.InitTimeout, o.Function.Timeout = 100*time.Millisecond, 200*time.Millisecond
			},
		},
		{
			// Observed on the Lambda Runtime Interface Emulator: 6 MiB and 100 bytes.
			name: "the answer is one byte too long", event: "size/" + strconv.Itoa(MaxResponse+1),
			errType: "Function.ResponseSizeTooLarge", message: "6291556 bytes",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := setup(t, tt.change)
			r := do(t, f, tt.event)
			if r.ErrType != tt.errType || !strings.Contains(string(r.Payload), tt.message) {
				t.Errorf("got %s %.300s, want %s with %q", r.ErrType, r.Payload, tt.errType, tt.message)
			}
			if !json.Valid(r.Payload) {
				t.Errorf("payload is not JSON: %.300s", r.Payload)
			}
		})
	}
}

func TestAnswerOfTheLongestLength(t *testing.T) {
	f := setup(t, nil)
	r := do(t, f, "size/"+strconv.Itoa(MaxResponse))
	if r.Failed() || len(r.Payload) != MaxResponse {
		t.Errorf("%d bytes, %s, want %d", len(r.Payload), r.ErrType, MaxResponse)
	}
}

// A crash or a timeout costs the instance; the next event gets a new one.
func TestRestartAfterFailure(t *testing.T) {
	for event, timeout := range map[string]time.Duration{"exit": 10 * time.Second, "sleep/60000": time.Second} {
		t.Run(event, func(t *testing.T) {
			f := setup(t, func(o *Options) { o.Function.Timeout = timeout })
			before := do(t, f, "pid")
			if r := do(t, f, event); !r.Failed() {
				t.Fatalf("%s did not fail: %s", event, r.Payload)
			}
			for deadline := time.Now().Add(20 * time.Second); f.o.Supervisor.Running() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the failed process is still there")
				}
			}
			after := do(t, f, "pid")
			if after.Failed() || string(after.Payload) == string(before.Payload) {
				t.Errorf("before by %s, after by %s (%s), want another process", before.Payload, after.Payload, after.ErrType)
			}
			if n := f.Instances(); n != 1 {
				t.Errorf("%d instances, want 1", n)
			}
		})
	}
}

// Source: Invoke API, RequestTooLargeException.
func TestRequestLimit(t *testing.T) {
	f := setup(t, nil)
	event := func(n int) []byte {
		frame := `{"do":"pid","body":""}`
		return []byte(strings.Replace(frame, `""`, `"`+strings.Repeat("x", n-len(frame))+`"`, 1))
	}
	if r, err := f.Invoke(t.Context(), event(MaxRequest)); err != nil || r.Failed() {
		t.Errorf("an event of 6 MiB: %v, %s", err, r.ErrType)
	}
	if _, err := f.Invoke(t.Context(), event(MaxRequest+1)); !errors.Is(err, ErrRequestTooLarge) {
		t.Errorf("one byte more: %v, want ErrRequestTooLarge", err)
	}
}

func TestSecondNextBeforeTheAnswerIsRefused(t *testing.T) {
	f := setup(t, nil)
	r := do(t, f, "twice")
	if !strings.Contains(string(r.Payload), `"status":403`) || !strings.Contains(string(r.Payload), "InvalidStateTransition") {
		t.Errorf("got %s, want 403 InvalidStateTransition", r.Payload)
	}
}

func TestIdleInstanceIsReaped(t *testing.T) {
	f := setup(t, func(o *Options) { o.IdleTimeout = 50 * time.Millisecond })
	do(t, f, "pid")
	for deadline := time.Now().Add(5 * time.Second); f.Instances() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the idle instance is still there")
		}
	}
	if r := do(t, f, "pid"); r.Failed() {
		t.Errorf("after the reaping: %s", r.Payload)
	}
}

// A caller that hangs up stops waiting; the function runs on.
func TestCallerGone(t *testing.T) {
	f := setup(t, nil)
	do(t, f, "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`{"do":"sleep/300"}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if n := f.Instances(); n != 1 {
		t.Errorf("%d instances while the function runs on, want 1", n)
	}
}

func TestCloseEndsWhatIsInProgress(t *testing.T) {
	f := setup(t, nil)
	do(t, f, "pid")
	done := make(chan error, 1)
	go func() {
		r, err := f.Invoke(context.Background(), []byte(`{"do":"sleep/30000"}`))
		if err == nil && !r.Failed() {
			err = errors.New("it succeeded")
		} else {
			err = nil
		}
		done <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); !slices.ContainsFunc(f.o.Log.Lines()[3:], func(l string) bool {
		return strings.HasPrefix(l, "START")
	}); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second event never started")
		}
	}
	f.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

func TestLogHasPlatformAndFunctionLines(t *testing.T) {
	f := setup(t, nil)
	do(t, f, "pid")
	// The function's own output comes through a pipe, in its own time; the platform's lines have an order.
	platform := []string{"START", "END", "REPORT"}
	for deadline := time.Now().Add(10 * time.Second); ; {
		var kinds []string
		for _, l := range f.o.Log.Lines() {
			kind, _, _ := strings.Cut(l, " ")
			kinds = append(kinds, kind)
		}
		own := slices.Index(kinds, "bootstrap")
		if own >= 0 && slices.Equal(slices.Delete(slices.Clone(kinds), own, own+1), platform) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("lines %q, want %q and the function's own", kinds, platform)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// AWS's own library against this Runtime API.
func TestVendorLibrary(t *testing.T) {
	f := setup(t, func(o *Options) { o.Function.Environment = map[string]string{envVendor: "1"} })
	if r := do(t, f, "shout"); string(r.Payload) != `"SHOUT"` {
		t.Errorf("got %s", r.Payload)
	}
	if r := do(t, f, "error"); !strings.Contains(string(r.Payload), "went wrong") || !r.Failed() {
		t.Errorf("error: %s", r.Payload)
	}
	if r := do(t, f, "panic"); !strings.Contains(string(r.Payload), "on purpose") || !r.Failed() {
		t.Errorf("panic: %s", r.Payload)
	}
	if r := do(t, f, "again"); string(r.Payload) != `"AGAIN"` {
		t.Errorf("after the panic: %s %s", r.Payload, r.ErrType)
	}
}
