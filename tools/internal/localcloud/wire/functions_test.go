package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/option"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/cloudfunctions"
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
	"polygate.example/tools/internal/localcloud/wire"
)

const googleToken = "google-secret"

// googleCA issues certificates that nobody shows.
type googleCA struct{}

func (googleCA) Issue(...string) (cert, key []byte, err error) {
	return []byte("cert"), []byte("key"), nil
}

func (c googleCA) IssueFor(time.Duration, ...string) (cert, key []byte, err error) { return c.Issue() }

// googleBed is a local Google Cloud with a function whose API answers over TLS.
type googleBed struct {
	store    *resource.Store
	cloud    resourcetest.Cloud
	services resource.Services
	id       string
	lost     bool
	server   *httptest.Server

	mu     sync.Mutex
	builds int
	how    func(plane.Function) error // what a build comes to; nil for well
}

// build says what builds come to from now on.
func (b *googleBed) build(how func(plane.Function) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.how = how
}

// built is how often the function was built.
func (b *googleBed) built() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.builds
}

func newGoogleBed(t *testing.T) *googleBed {
	t.Helper()
	const project, build = "polygate-test", "gw-build@polygate-test.iam.gserviceaccount.com"
	store, err := resource.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &googleBed{store: store}
	b.services = resource.Services{Addresses: &resourcetest.Addresses{Port: 443}, CA: googleCA{}, Build: func(_ context.Context, f plane.Function) error {
		b.mu.Lock()
		b.builds++
		how := b.how
		b.mu.Unlock()
		if how == nil {
			return nil
		}
		return how(f)
	}}
	c, err := resource.NewController(gcp.Cloud(), store, b.services)
	if err != nil {
		t.Fatal(err)
	}
	cloud := resourcetest.Cloud{T: t, Controller: c, Config: resource.Props{"project": project}}
	member := "serviceAccount:" + build
	cloud.Must("gcp:serviceaccount/account:Account", resource.Props{"accountId": "gw-build"})
	cloud.Must("gcp:artifactregistry/repository:Repository", resource.Props{"repositoryId": "gw", "location": "us-central1", "format": "DOCKER"})
	cloud.Must("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", resource.Props{"repository": "gw", "location": "us-central1", "role": gcp.RoleArtifactWriter, "member": member})
	cloud.Must("gcp:projects/iAMMember:IAMMember", resource.Props{"project": project, "role": gcp.RoleLogWriter, "member": member})
	cloud.Must("gcp:projects/iAMMember:IAMMember", resource.Props{"project": project, "role": gcp.RoleObjectViewer, "member": member})
	cloud.Must("gcp:storage/bucket:Bucket", resource.Props{"name": "gw-source", "location": "us-central1"})
	source := resourcetest.Asset(t, resourcetest.Zip(t, map[string]string{
		"go.mod": "module gateway.example/fn\n\ngo 1.26.0\n", "function.go": "package fn\n", "vendor/modules.txt": "",
		"vendor/github.com/GoogleCloudPlatform/functions-framework-go/funcframework/f.go": "package funcframework\n",
	}))
	cloud.Must("gcp:storage/bucketObject:BucketObject", resource.Props{"bucket": "gw-source", "name": "src.zip", "source": source})
	b.cloud = cloud
	b.id, _ = cloud.Must("gcp:cloudfunctionsv2/function:Function", resource.Props{"name": "gw", "location": "us-central1",
		"buildConfig": resource.Props{"runtime": "go126", "entryPoint": "Gateway", "serviceAccount": "projects/" + project + "/serviceAccounts/" + build,
			"dockerRepository": "projects/" + project + "/locations/us-central1/repositories/gw",
			"source":           resource.Props{"storageSource": resource.Props{"bucket": "gw-source", "object": "src.zip"}}},
		"serviceConfig": resource.Props{"availableMemory": "512Mi", "timeoutSeconds": 30.0, "ingressSettings": gcp.IngressBalancer, "environmentVariables": resource.Props{"SECRET": "hush"}},
	})
	b.server = httptest.NewTLSServer(wire.Functions(wire.Access{Token: googleToken, Lost: func(api string) bool { return b.lost && api == "gcp" }}, store, c))
	t.Cleanup(b.server.Close)
	return b
}

func (b *googleBed) provider(t *testing.T, token string, functions ...string) *cloudfunctions.Provider {
	t.Helper()
	var w topology.Topology
	for _, f := range functions {
		w.Regions = append(w.Regions, topology.Region{Name: "gcp/" + strings.Split(f, "/")[3], Provider: "gcp", Function: f})
	}
	client := oauth2.NewClient(context.WithValue(t.Context(), oauth2.HTTPClient, b.server.Client()), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}))
	p, err := cloudfunctions.New(t.Context(), w, option.WithEndpoint(b.server.URL), option.WithHTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestFunctions(t *testing.T) {
	b := newGoogleBed(t)
	got, err := b.provider(t, googleToken, b.id).Functions(t.Context())
	f := got["gcp/us-central1"]
	if err != nil || !f.Ready || f.State != "ACTIVE" || f.Why != "" || time.Since(f.Updated).Abs() > time.Minute {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFunctionsThatAreNotThere(t *testing.T) {
	b := newGoogleBed(t)
	gone := strings.Replace(b.id, "us-central1", "europe-west1", 1)
	got, err := b.provider(t, googleToken, b.id, gone).Functions(t.Context())
	if !errors.Is(err, control.ErrUnknown) || !strings.Contains(err.Error(), "Resource '"+gone+"' was not found") || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := b.provider(t, "other-secret", b.id).Functions(t.Context()); err == nil || errors.Is(err, control.ErrUnknown) || !strings.Contains(err.Error(), "Error 401: Request had invalid authentication credentials") ||
		strings.Contains(err.Error(), "other-secret") {
		t.Errorf("another token: %v", err)
	}
	b.lost = true
	if _, err := b.provider(t, googleToken, b.id).Functions(t.Context()); err == nil || errors.Is(err, control.ErrUnknown) || !strings.Contains(err.Error(), "Error 503: The service is currently unavailable.") {
		t.Errorf("lost: %v", err)
	}
}

// What is answered is Google's own JSON, names where nobody asks for numbers.
func TestFunctionsDocuments(t *testing.T) {
	b := newGoogleBed(t)
	for _, c := range []struct {
		name, method, path, token string
		lost                      bool
		status                    int
		want                      map[string]any // at the top, or of the error
	}{
		{"a function", "GET", "/v2/" + b.id, googleToken, false, 200, map[string]any{"name": b.id, "state": "ACTIVE", "environment": "GEN_2"}},
		{"a function, for Google's clients", "GET", "/v2/" + b.id + "?%24alt=json%3Benum-encoding%3Dint", googleToken, false, 200, map[string]any{"name": b.id, "state": 1.0, "environment": 2.0}},
		{"no function", "GET", "/v2/" + b.id + "x", googleToken, false, 404, map[string]any{"code": 404.0, "status": "NOT_FOUND", "message": "Resource '" + b.id + "x' was not found"}},
		{"another path", "GET", "/v1/" + b.id, googleToken, false, 404, map[string]any{"code": 404.0, "status": "NOT_FOUND", "message": "Method not found."}},
		{"another method", "DELETE", "/v2/" + b.id, googleToken, false, 404, map[string]any{"code": 404.0, "status": "NOT_FOUND"}},
		{"another token", "GET", "/v2/" + b.id, "other", false, 401, map[string]any{"code": 401.0, "status": "UNAUTHENTICATED"}},
		{"lost", "GET", "/v2/" + b.id, googleToken, true, 503, map[string]any{"code": 503.0, "status": "UNAVAILABLE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.lost = c.lost
			status, body := ask(t, b.server, c.method, c.path, "Bearer "+c.token, "")
			var doc map[string]any
			if err := json.Unmarshal(body, &doc); err != nil || status != c.status {
				t.Fatalf("%d %s, %v: want %d", status, body, err, c.status)
			}
			if refused, ok := doc["error"].(map[string]any); ok {
				doc = refused
			}
			for field, want := range c.want {
				if doc[field] != want {
					t.Errorf("%s is %v, want %v", field, doc[field], want)
				}
			}
		})
	}
}
