package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/health"
)

// The artefacts are run here as their runtimes would run them, just far enough to see that what was packed starts and
// serves the document it was packed from.

// TestSourceBuildsAndServes builds the source archive as the buildpack does: the source is moved into a folder, a module
// around it gets a generated main that imports the framework and the function's package, and go builds that. Nothing is
// fetched: the archive's go.mod and go.sum must do.
func TestSourceBuildsAndServes(t *testing.T) {
	r := built(t)
	app := t.TempDir()
	source := filepath.Join(app, "serverless_function_source_code")
	unpack(t, filepath.Join(r.out, "gcp.zip"), source)
	put(t, app, "go.mod", `module functions.local/app

go 1.26.0

require polygate.example v0.0.0

replace polygate.example => ./serverless_function_source_code
`)
	put(t, app, "go.sum", string(get(t, source, "go.sum")))
	put(t, app, "main.go", `package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "polygate.example"
)

func main() {
	log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")))
}
`)
	goCommand(t, app, "build", "-mod=mod", "-trimpath", "-o", "main", ".")
	// The buildpack asks for the framework's version with `go list -m`, for which go.sum must hold the whole module graph.
	goCommand(t, source, "mod", "graph")
	goCommand(t, source, "list", "-mod=readonly", "-m", "github.com/GoogleCloudPlatform/functions-framework-go")

	port := freePort(t)
	start(t, filepath.Join(app, "main"), "PORT="+port, "FUNCTION_TARGET=Gateway", "POLYGATE_REGION=gcp/europe-west1", "POLYGATE_RELEASE="+r.manifest.Release)
	checkHealth(t, "http://127.0.0.1:"+port, r, "gcp/europe-west1")
}

// TestAzureServes starts the packed handler as the Functions host does.
func TestAzureServes(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	unpack(t, filepath.Join(r.out, "azure.zip"), dir)
	port := freePort(t)
	start(t, filepath.Join(dir, "handler"), "FUNCTIONS_CUSTOMHANDLER_PORT="+port, "POLYGATE_REGION=azure/westeurope", "POLYGATE_RELEASE="+r.manifest.Release)
	checkHealth(t, "http://127.0.0.1:"+port, r, "azure/westeurope")
}

// TestLambdaServes starts the packed bootstrap under a Runtime API that has one invocation to give, of a function URL.
func TestLambdaServes(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	unpack(t, filepath.Join(r.out, "aws.zip"), dir)
	event := `{"version":"2.0","rawPath":"/health","headers":{"host":"x.lambda-url.us-east-1.on.aws"},
		"requestContext":{"domainName":"x.lambda-url.us-east-1.on.aws","http":{"method":"GET","path":"/health","sourceIp":"203.0.113.7"}}}`
	given := make(chan struct{}, 1)
	given <- struct{}{}
	answers := make(chan string, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/invocation/next"):
			select {
			case <-given:
			case <-req.Context().Done():
				return
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "one")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			io.WriteString(w, event)
		default:
			b, err := io.ReadAll(req.Body)
			answers <- fmt.Sprint(req.URL.Path, " ", string(b), errors.Join(err))
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	t.Cleanup(api.Close) // after the process that waits for its next invocation has been ended
	start(t, filepath.Join(dir, "bootstrap"), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"),
		"POLYGATE_REGION=aws/us-east-1", "POLYGATE_RELEASE="+r.manifest.Release)
	select {
	case got := <-answers:
		body, ok := strings.CutPrefix(got, "/2018-06-01/runtime/invocation/one/response ")
		var res struct {
			StatusCode int
			Body       string
		}
		if err := json.Unmarshal([]byte(strings.TrimSuffix(body, "<nil>")), &res); !ok || err != nil || res.StatusCode != 200 {
			t.Fatalf("it answered %s", got)
		}
		checkReport(t, []byte(res.Body), r, "aws/us-east-1")
	case <-time.After(30 * time.Second):
		t.Fatal("no answer came")
	}
}

// checkHealth waits for the gateway to answer, and checks who it says it is.
func checkHealth(t *testing.T, base string, r result, region string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get(base + "/health")
		if err == nil {
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("/health answered %d, %v: %s", res.StatusCode, err, body)
			}
			checkReport(t, body, r, region)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not answer: %v", err)
		}
	}
}

func checkReport(t *testing.T, body []byte, r result, region string) {
	t.Helper()
	var report health.Report
	if err := json.Unmarshal(body, &report); err != nil {
		t.Fatalf("/health is %s: %v", body, err)
	}
	if report.Model != r.manifest.Model || report.Region != region || report.Release != r.manifest.Release {
		t.Errorf("/health says %s, want model %s and region %s", body, r.manifest.Model, region)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, path string, env ...string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: its error says only that
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), output.String())
		}
	})
}

// goCommand runs go as the builder does, off line.
func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
