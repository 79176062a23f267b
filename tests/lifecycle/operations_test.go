package lifecycle

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// operated are the dials of how regions are run, all of them.
var operated = map[string]any{
	"concurrency": 20, "warm": 2,
	"alarms": map[string]any{"email": "ops@example.com", "errorPercent": 2, "latencyMs": 1500},
	"budget": map[string]any{"monthly": 100, "email": "ops@example.com"},
	"secrets": map[string]any{
		"PARTNER_KEY": map[string]any{"aws": "arn:aws:secretsmanager:{region}:000000000000:secret:partner-key-a1B2c3"},
		"SIGNING_KEY": map[string]any{"aws": "arn:aws:ssm:{region}:000000000000:parameter/polygate/signing-key"},
	},
}

// TestOperations turns every dial of how regions are run on and off again under way, while clients ask each region without a
// pause: nobody may notice, and nothing may change twice.
func TestOperations(t *testing.T) {
	t.Parallel()
	env := harnesstest.New(t, harness.Options{Regions: []string{"aws/us-east-1", "aws/eu-west-1"}, Dials: operated})
	harnesstest.Must(t, env, "up")
	harnesstest.Settled(t, env, "everything on")
	clients := ask(t, env)
	off := map[string]any{}
	for dial := range operated {
		off[dial] = nil
	}
	for _, step := range []struct {
		name  string
		dials map[string]any
	}{
		{"nothing kept warm", map[string]any{"warm": nil}},
		{"three kept warm", map[string]any{"warm": 3}},
		{"another size: another version", map[string]any{"memory": 1024}},
		{"one kept warm, of fewer", map[string]any{"warm": 1, "concurrency": 10}},
		{"everything off", off},
		{"everything on again", operated},
	} {
		t.Log(step.name)
		harnesstest.Turn(t, env, step.dials)
		if r, err := env.Polygate(t.Context(), "preview", "--exit-code"); err != nil || r.Code != 1 {
			t.Errorf("%s: preview ended with %d (%v), want changes\n%s", step.name, r.Code, err, r.Stdout)
		} else if strings.Contains(r.Stdout, "replace") {
			t.Errorf("%s replaces something:\n%s", step.name, r.Stdout)
		}
		harnesstest.Must(t, env, "up")
		harnesstest.Settled(t, env, step.name)
	}
	harnesstest.Turn(t, env, map[string]any{"protect": true})
	harnesstest.Must(t, env, "up")
	harnesstest.Fails(t, env, 1, "nothing was removed", "destroy")
	harnesstest.Settled(t, env, "a destroy that was refused")
	asked, failures := clients()
	if asked < 500 {
		t.Errorf("clients asked only %d times", asked)
	}
	for _, f := range failures {
		t.Error(f)
	}
	harnesstest.Turn(t, env, map[string]any{"protect": nil})
	harnesstest.Must(t, env, "up")
	harnesstest.Must(t, env, "destroy")
	nothingLeft(t, env)
}

// ask has two clients ask each region by its own name without a pause. The result ends them, and says how often they asked and
// what failed.
func ask(t *testing.T, env *harness.Environment) func() (asked int, failures []string) {
	t.Helper()
	s := harnesstest.Status(t, env)
	roots, err := s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 2,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Edge.Address)
		},
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var mu sync.Mutex
	var asked int
	var failures []string
	var wg sync.WaitGroup
	for _, r := range s.Regions {
		for range 2 {
			wg.Go(func() {
				for ctx.Err() == nil {
					problem := once(client, r.URL+"echo")
					mu.Lock()
					asked++
					if problem != "" && len(failures) < 20 {
						failures = append(failures, time.Now().Format(time.TimeOnly)+" "+r.Name+": "+problem)
					}
					mu.Unlock()
					select {
					case <-ctx.Done():
					case <-time.After(20 * time.Millisecond): // enough of a load on the machine that deploys as well
					}
				}
			})
		}
	}
	end := func() {
		cancel()
		wg.Wait()
		transport.CloseIdleConnections()
	}
	t.Cleanup(end)
	return func() (int, []string) {
		end()
		return asked, failures
	}
}

// once asks one time and says what is wrong with the answer; "" when nothing is.
func once(client *http.Client, url string) string {
	res, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d, %v: %.200s", res.StatusCode, err, b)
	}
	return ""
}
