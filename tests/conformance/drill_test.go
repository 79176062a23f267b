package conformance

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDrill puts the region of every provider under a drill by the provider's own API, as an operator would: the front shows it, it ends by
// itself, an `up` in the meantime works, and when the variable is gone again nothing is left to change.
func TestDrill(t *testing.T) {
	e := deployed(t)
	m := manage(t, e)
	var ends time.Time
	for _, p := range e.providers() {
		lasts := time.Minute
		if p.name == "gcp" {
			lasts = 2 * time.Minute // it is built anew first
		}
		until := time.Now().Add(lasts).UTC().Truncate(time.Second)
		release := m.pull(t, p, fmt.Sprintf(`{"fault":"health-fail","until":%q,"token":1,"drill":"conformance"}`, until.Format(time.RFC3339)))
		t.Cleanup(release)
		if until.After(ends) {
			ends = until
		}
		t.Run(p.name, func(t *testing.T) {
			a := p.ask(t, "GET", "/health", nil, nil)
			var h struct {
				Status, Region string
				Drill          struct {
					Drill string
					Until time.Time
				}
			}
			if err := json.Unmarshal(a.body, &h); err != nil || a.status != 503 {
				t.Fatalf("/health: %d, %v\n%.300s", a.status, err, a.body)
			}
			equal(t, "status", h.Status, "drill")
			equal(t, "region", h.Region, p.region.Name)
			equal(t, "drill", h.Drill.Drill, "conformance")
			equal(t, "X-Polygate-Drill", a.header.Get("X-Polygate-Drill"), "conformance")
			if !h.Drill.Until.Equal(until) {
				t.Errorf("ends at %s, want %s", h.Drill.Until, until)
			}
			if a := p.raw(t, "HEAD", "/health", nil, bytes.NewReader(nil)); a.status != 503 || len(a.body) != 0 {
				t.Errorf("HEAD /health: %d and %d bytes", a.status, len(a.body))
			}
			if a := p.ask(t, "GET", "/echo", nil, nil); a.status != 200 || a.header.Get("X-Polygate-Drill") != "" {
				t.Errorf("/echo: %d, %v", a.status, a.header)
			}
		})
	}
	// It deploys, and says of regions whose health fails that they do.
	if r, err := e.Polygate(t.Context(), "up"); err != nil || r.Code != 0 && !strings.Contains(r.Stderr, "deployed, but degraded") {
		t.Errorf("up while regions are drilled: %d, %v\n%s", r.Code, err, r.Stderr)
	}
	time.Sleep(time.Until(ends)) // the lease is wall time
	for _, p := range e.providers() {
		t.Run(p.name+" afterwards", func(t *testing.T) {
			if a := p.ask(t, "GET", "/health", nil, nil); a.status != 200 || a.header.Get("X-Polygate-Drill") != "" {
				t.Errorf("/health: %d, %v", a.status, a.header)
			}
		})
	}
}

// TestDrillLeavesNothing runs when the regions are released.
func TestDrillLeavesNothing(t *testing.T) {
	if _, err := deployed(t).Must(t.Context(), "preview", "--exit-code"); err != nil {
		t.Error(err)
	}
}

// management is the clouds' management APIs.
type management struct {
	client *http.Client
	token  string
	of     map[string]string // functions by region
}

// manage reads where the APIs are, and what the functions are called there, from what the commands have written down.
func manage(t *testing.T, e *environment) management {
	t.Helper()
	var clouds struct{ Management, Token string }
	var stands struct {
		Regions []struct{ Name, Function string }
	}
	for file, into := range map[string]any{"clouds/clouds.json": &clouds, "topology.json": &stands} {
		b, err := os.ReadFile(filepath.Join(e.Root, ".polygate", "local", filepath.FromSlash(file)))
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := management{token: clouds.Token, of: map[string]string{}, client: &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: e.roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, clouds.Management)
		},
	}}}
	for _, r := range stands.Regions {
		m.of[r.Name] = r.Function
	}
	return m
}

// pull gives a region's function the variable, and returns what takes it away again.
func (m management) pull(t *testing.T, p provider, drill string) (release func()) {
	t.Helper()
	function := m.of[p.region.Name]
	switch p.name {
	case "aws":
		_, name, _ := strings.Cut(function, ":function:")
		at := "https://lambda." + p.region.Name[len("aws/"):] + ".amazonaws.com/2015-03-31/functions/" + name
		config := m.do(t, "GET", at+"/configuration", nil)
		variables := config["Environment"].(map[string]any)["Variables"].(map[string]any)
		before := m.do(t, "GET", at+"/aliases/live", nil)["FunctionVersion"]
		m.do(t, "PUT", at+"/configuration", map[string]any{"Environment": map[string]any{"Variables": with(variables, drill)}})
		version := m.do(t, "POST", at+"/versions", map[string]any{"Description": "a drill"})["Version"]
		m.do(t, "PUT", at+"/configuration", map[string]any{"Environment": map[string]any{"Variables": variables}})
		m.do(t, "PUT", at+"/aliases/live", map[string]any{"FunctionVersion": version})
		return func() { m.do(t, "PUT", at+"/aliases/live", map[string]any{"FunctionVersion": before}) }
	case "gcp":
		at := "https://cloudfunctions.googleapis.com/v2/" + function
		variables := m.do(t, "GET", at, nil)["serviceConfig"].(map[string]any)["environmentVariables"].(map[string]any)
		set := func(variables map[string]any) {
			op := m.do(t, "PATCH", at+"?updateMask=serviceConfig.environmentVariables", map[string]any{"serviceConfig": map[string]any{"environmentVariables": variables}})
			if end := m.do(t, "GET", fmt.Sprintf("https://cloudfunctions.googleapis.com/v2/%s", op["name"]), nil); end["done"] != true || end["error"] != nil {
				t.Errorf("the update ended in %v", end["error"])
			}
		}
		set(with(variables, drill))
		return func() { set(variables) }
	case "azure":
		at := "https://management.azure.com" + function + "/config/appsettings"
		const version = "?api-version=2024-04-01"
		settings := m.do(t, "POST", at+"/list"+version, nil)["properties"].(map[string]any)
		m.do(t, "PUT", at+version, map[string]any{"properties": with(settings, drill)})
		return func() { m.do(t, "PUT", at+version, map[string]any{"properties": settings}) }
	}
	t.Fatalf("a provider %s", p.name)
	return nil
}

// with are variables and the drill's.
func with(variables map[string]any, drill string) map[string]any {
	out := map[string]any{"POLYGATE_DRILL": drill}
	for k, v := range variables {
		out[k] = v
	}
	return out
}

// do makes a call that succeeds.
func (m management) do(t *testing.T, method, url string, body any) map[string]any {
	t.Helper()
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	// A lever is let go also when the test has ended.
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	if strings.HasPrefix(req.URL.Host, "lambda.") {
		m.sign(req, b)
	}
	res, err := m.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	out := map[string]any{}
	if err == nil && len(answer) > 0 {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v", method, req.URL.Path, res.Status, err) // the answer may hold values
	}
	return out
}

// sign signs as AWS wants it. Source: "Create a signed AWS API request", docs.aws.amazon.com/IAM/latest/UserGuide/
// reference_sigv-create-signed-request.html.
func (m management) sign(r *http.Request, body []byte) {
	at := time.Now().UTC()
	date, region := at.Format("20060102"), strings.Split(r.URL.Host, ".")[1]
	stamp, scope := at.Format("20060102T150405Z"), date+"/"+region+"/lambda/aws4_request"
	r.Header.Set("X-Amz-Date", stamp)
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, "host:" + r.URL.Host, "x-amz-date:" + stamp, "", "host;x-amz-date", sum(body)}, "\n")
	key := []byte("AWS4" + m.token)
	for _, part := range []string{date, region, "lambda", "aws4_request"} {
		key = mac(key, part)
	}
	signature := mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+sum([]byte(canonical)))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/"+scope+", SignedHeaders=host;x-amz-date, Signature="+hex.EncodeToString(signature))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
