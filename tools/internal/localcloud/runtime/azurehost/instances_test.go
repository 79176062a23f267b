package azurehost

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// Observed on the Azure Functions host 4.1045: three worker exits shut the host down. The platform then starts another.
func TestThreeExitsShutTheHostDown(t *testing.T) {
	h, server := setup(t, proxying, func(o *Options) { o.Restart = time.Hour })
	// One request that ends the handler is replayed until the handlers are used up.
	if resp, _ := runtimetest.Send(t, http.MethodGet, server.URL+"/exit", nil, nil); resp.StatusCode < 500 {
		t.Errorf("status %d, want a server error", resp.StatusCode)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		resp, body := runtimetest.Send(t, http.MethodGet, server.URL+"/exit", nil, nil)
		if resp.StatusCode == http.StatusServiceUnavailable && body == "Function host is not running." {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %d %q", resp.StatusCode, body)
		}
	}
	starts := 0
	for _, l := range h.o.Log.Lines() {
		if l == "leaving" {
			starts++
		}
	}
	if starts != 3 {
		t.Errorf("the handler was started %d times, want 3", starts)
	}
	h.mu.Lock()
	h.down = time.Now() // the platform's next host
	h.mu.Unlock()
	if resp, _ := runtimetest.Send(t, http.MethodGet, server.URL+"/status/200", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("after the platform's restart: %d", resp.StatusCode)
	}
}

func TestOneExitIsRestarted(t *testing.T) {
	_, server := setup(t, forwarding, nil)
	before := echo(t, http.MethodGet, server.URL+"/echo", nil, nil)
	runtimetest.Send(t, http.MethodGet, server.URL+"/exit", nil, nil)
	for deadline := time.Now().Add(10 * time.Second); ; {
		resp, text := runtimetest.Send(t, http.MethodGet, server.URL+"/echo", nil, nil)
		if resp.StatusCode == http.StatusOK {
			if strings.Contains(text, fmt.Sprintf(`"PID":%d,`, before.PID)) {
				t.Errorf("answered by the process that ended")
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %d %q", resp.StatusCode, text)
		}
	}
}

// A port that someone else was given before the handler could bind it costs a start, not the host.
func TestPortTakenBeforeTheHandlerBindsIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	outgoing, err := net.Dial("tcp", l.Addr().String()) // has a port of its own, on which nobody listens
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outgoing.Close() }()
	h, server := setup(t, forwarding, func(o *Options) { o.Restart = time.Hour })
	h.port = outgoing.LocalAddr().(*net.TCPAddr).Port
	if resp, body := runtimetest.Send(t, http.MethodGet, server.URL+"/status/200", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// An instance that is always ready is up before anybody asks; without one the first request starts it. Source:
// learn.microsoft.com/azure/azure-functions/flex-consumption-plan, Always ready instances.
func TestAlwaysReady(t *testing.T) {
	for warm, want := range []int{0, 1} {
		t.Run(strconv.Itoa(warm), func(t *testing.T) {
			h, server := setup(t, proxying, func(o *Options) { o.Function.Warm = warm })
			if n := h.o.Supervisor.Running(); n != want {
				t.Errorf("%d processes run before the first request, want %d", n, want)
			}
			if resp, _ := runtimetest.Send(t, http.MethodGet, server.URL+"/echo", nil, nil); resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
			if n := h.o.Supervisor.Running(); n != 1 {
				t.Errorf("%d processes run after it", n)
			}
		})
	}
}

// The instances of an app take so many requests together; one more waits for its turn.
func TestRequestsBeyondTheInstancesWait(t *testing.T) {
	_, server := setup(t, proxying, func(o *Options) { o.Function.Instances, o.Function.Concurrency = 1, 1 })
	first, err := http.Get(server.URL + "/stream") // takes the one place until it may go on
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Body.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("a second request is answered %d beside the first", resp.StatusCode)
	}
	_ = first.Body.Close() // the client of the first goes, and its place is free
	if resp, _ := runtimetest.Send(t, http.MethodGet, server.URL+"/echo", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("status %d once there is a place", resp.StatusCode)
	}
}
