package vendorhost

import (
	"archive/zip"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/front"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
)

// TestMain lets the test binary play the vendors' hosts under their names: what is tested is how they are started,
// called and ended. The real ones run in `make conformance` where they are installed.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "aws-lambda-rie":
		f := flag.NewFlagSet("rie", flag.ExitOnError)
		addr := f.String("runtime-interface-emulator-address", "", "")
		api := f.String("runtime-api-address", "", "")
		_ = f.Parse(os.Args[1:])
		if _, _, err := net.SplitHostPort(*api); err != nil || filepath.Base(f.Arg(0)) != "bootstrap" {
			os.Exit(3)
		}
		play(*addr, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if arn, ok := strings.CutPrefix(string(b), "secret "); ok {
				b = askExtension(arn)
			}
			if strings.Contains(string(b), "crash") {
				w.WriteHeader(http.StatusBadGateway)
			}
			fmt.Fprintf(w, "%s|%s|%s", r.URL.Path, b, os.Getenv("WHO"))
		})
	case "func":
		if len(os.Args) != 4 || os.Args[1] != "start" || os.Args[2] != "--port" {
			os.Exit(3)
		}
		play("127.0.0.1:"+os.Args[3], func(w http.ResponseWriter, r *http.Request) {
			settings, _ := os.ReadFile("local.settings.json")
			fmt.Fprintf(w, "%s|%v|%s", r.URL.RequestURI(), len(settings) > 0, r.Header.Get("X-Forwarded-For"))
		})
	}
	os.Exit(m.Run())
}

// askExtension reads a secret as a function does.
func askExtension(arn string) []byte {
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")+"/secretsmanager/get?secretId="+url.QueryEscape(arn), nil)
	if err != nil {
		return []byte(err.Error())
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", os.Getenv("AWS_SESSION_TOKEN"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return []byte(err.Error())
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return b
}

func play(addr string, h http.HandlerFunc) {
	if err := http.ListenAndServe(addr, h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
}

// local is what the local runtimes would serve.
type local map[string]runtime.Invoker

func (l local) Serve(id string) (runtime.Invoker, bool) { v, ok := l[id]; return v, ok }

var _ front.Functions = local(nil)

// as makes the test binary available under a host's name.
func as(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "package.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServe(t *testing.T) {
	aws := plane.Function{ID: "aws", Runtime: plane.Lambda, Package: packed(t, "bootstrap"), Environment: map[string]string{"WHO": "me"}}
	azure := plane.Function{ID: "azure", Runtime: plane.AzureFunctions, Package: packed(t, "host.json")}
	gcp := plane.Function{ID: "gcp", Runtime: plane.CloudFunction}
	base := local{"aws": {Function: aws}, "azure": {Function: azure}, "gcp": {Function: gcp, HTTP: http.NotFoundHandler()}}
	f := New(base, Hosts{RIE: as(t, "aws-lambda-rie"), Func: as(t, "func")}, t.TempDir(), time.Now)
	t.Cleanup(func() {
		f.Close()
		if n := f.sup.Running(); n != 0 {
			t.Errorf("%d hosts still run", n)
		}
	})
	t.Run("lambda", func(t *testing.T) {
		v, ok := f.Serve("aws")
		if !ok || v.Event == nil {
			t.Fatalf("served %+v, %v", v, ok)
		}
		r, err := v.Event.Invoke(t.Context(), []byte("event"))
		if want := "/2015-03-31/functions/function/invocations|event|me"; err != nil || r.Failed() || string(r.Payload) != want {
			t.Errorf("%q, %v, %v: want %q", r.Payload, r.ErrType, err, want)
		}
		if r, err := v.Event.Invoke(t.Context(), []byte("crash")); err != nil || !r.Failed() {
			t.Errorf("a crash is %+v, %v", r, err)
		}
	})
	t.Run("lambda, another version", func(t *testing.T) {
		aws.Environment = map[string]string{"WHO": "you"}
		base["aws"] = runtime.Invoker{Function: aws}
		v, _ := f.Serve("aws")
		r, err := v.Event.Invoke(t.Context(), []byte("event"))
		if want := "/2015-03-31/functions/function/invocations|event|you"; err != nil || string(r.Payload) != want {
			t.Errorf("%q, %v: want %q", r.Payload, err, want)
		}
		for deadline := time.Now().Add(20 * time.Second); f.sup.Running() > 1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d hosts run, want the new version's only", f.sup.Running())
			}
		}
	})
	t.Run("azure", func(t *testing.T) {
		v, ok := f.Serve("azure")
		if !ok || v.HTTP == nil {
			t.Fatalf("served %+v, %v", v, ok)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a?q=1+2", nil)
		req.Header.Set("X-Forwarded-For", "192.0.2.7:1234")
		w := httptest.NewRecorder()
		v.HTTP.ServeHTTP(w, req)
		if want := "/a?q=1+2|true|192.0.2.7:1234"; w.Body.String() != want {
			t.Errorf("%q, want %q", w.Body, want)
		}
	})
	t.Run("everything else stays local", func(t *testing.T) {
		if v, ok := f.Serve("gcp"); !ok || v.Function.ID != "gcp" || v.HTTP == nil {
			t.Errorf("served %+v, %v", v, ok)
		}
		if _, ok := f.Serve("none"); ok {
			t.Error("served what is not there")
		}
	})
}

func TestHostThatDoesNotStart(t *testing.T) {
	fn := plane.Function{ID: "aws", Runtime: plane.Lambda, Package: packed(t, "bootstrap")}
	f := New(local{"aws": {Function: fn}}, Hosts{RIE: "/bin/false"}, t.TempDir(), time.Now)
	t.Cleanup(f.Close)
	v, _ := f.Serve("aws")
	if _, err := v.Event.Invoke(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "before it listened") {
		t.Errorf("error %v", err)
	}
}

// TestSecrets: a function on the emulator, which has no layers, has the extension beside it all the same, and learns of a new
// value without another host.
func TestSecrets(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:key-a1B2c3"
	fn := plane.Function{ID: "aws", Runtime: plane.Lambda, Package: packed(t, "bootstrap"), Environment: map[string]string{"SECRETS_MANAGER_TTL": "0"},
		Secrets: map[string]plane.Secret{arn: {Version: 1, Value: "old"}}}
	base := local{"aws": {Function: fn}}
	f := New(base, Hosts{RIE: as(t, "aws-lambda-rie")}, t.TempDir(), time.Now)
	t.Cleanup(f.Close)
	says := func(want string) {
		t.Helper()
		v, _ := f.Serve("aws")
		r, err := v.Event.Invoke(t.Context(), []byte("secret "+arn))
		if err != nil || !strings.Contains(string(r.Payload), want) {
			t.Errorf("%s, %v: want %s", r.Payload, err, want)
		}
	}
	says(`"old"`)
	host := f.started["aws"]
	fn.Secrets = map[string]plane.Secret{arn: {Version: 2, Value: "new"}}
	base["aws"] = runtime.Invoker{Function: fn}
	says(`"new"`)
	if f.started["aws"] != host {
		t.Error("a new value brought another host")
	}
}
