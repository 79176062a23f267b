package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/functions/apiv2/functionspb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenGoogleFunction = "gcp:cloudfunctionsv2/function:Function"

// Functions is Google's Cloud Functions API, by REST, as far as functions are looked at and have their variables changed:
// projects.locations.functions.get and patch, projects.locations.operations.get. Updates are carried out as those of a deployment are, by
// control. Source: cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions.
func Functions(a Access, store *resource.Store, control *resource.Controller) http.Handler {
	g := &googleAPI{access: a, store: store, control: control, busy: map[string]bool{}, operations: map[string]*googleOperation{}}
	mux := http.NewServeMux()
	mux.Handle("GET /v2/projects/{project}/locations/{location}/functions/{function}", g.handle(g.get))
	mux.Handle("PATCH /v2/projects/{project}/locations/{location}/functions/{function}", g.handle(g.patch))
	mux.Handle("GET /v2/projects/{project}/locations/{location}/operations/{operation}", g.handle(g.operation))
	mux.Handle("/", g.handle(func(*http.Request) ([]byte, error) {
		return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", "Method not found."}
	}))
	return mux
}

// googleAPI answers calls about functions.
type googleAPI struct {
	access  Access
	store   *resource.Store
	control *resource.Controller

	mu         sync.Mutex
	busy       map[string]bool             // functions that are being updated
	operations map[string]*googleOperation // by name
}

// googleRefusal is an answer that is no success, with the canonical code that goes with its HTTP status. Source: "Errors", HTTP/1.1+JSON
// representation, google.aip.dev/193.
type googleRefusal struct {
	Code    int    `json:"code"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (r *googleRefusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Code, r.Status, r.Message) }

// handle answers who may ask.
func (g *googleAPI) handle(do func(*http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := g.admit(r)
		var body []byte
		if err == nil {
			body, err = do(r)
		}
		status := http.StatusOK
		if err != nil {
			refusal := &googleRefusal{http.StatusInternalServerError, "INTERNAL", err.Error()} // the local clouds' own
			errors.As(err, &refusal)
			status = refusal.Code
			if body, err = json.Marshal(map[string]any{"error": refusal}); err != nil { // texts and numbers always encode
				body = []byte(err.Error())
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = w.Write(body) // who does not wait for the answer needs none
	}
}

func (g *googleAPI) admit(r *http.Request) error {
	switch {
	case g.access.lost("gcp"):
		return &googleRefusal{http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable."}
	case !g.access.bearer(r):
		return &googleRefusal{http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie " +
			"or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."}
	}
	return nil
}

func (g *googleAPI) get(r *http.Request) ([]byte, error) {
	id := strings.TrimPrefix(r.URL.Path, "/v2/")
	f, ok := g.store.View().Get(tokenGoogleFunction, id)
	if !ok {
		return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Resource '%s' was not found", id)}
	}
	shown, err := googleFunction(f)
	if err != nil {
		return nil, err
	}
	return googleJSON(r, shown)
}

// googleJSON is a message as a caller wants it: "$alt=json;enum-encoding=int" is how Google's own clients ask; all others get the names.
// Source: "System parameters", cloud.google.com/apis/docs/system-parameters.
func googleJSON(r *http.Request, m proto.Message) ([]byte, error) {
	numbers := strings.Contains(r.URL.Query().Get("$alt"), "enum-encoding=int")
	return protojson.MarshalOptions{UseEnumNumbers: numbers}.Marshal(m)
}

// googleFunction is a function as the API shows it, as far as the local clouds have it. One that they keep has
// been deployed: creations and updates return only then.
func googleFunction(r resource.Record) (*functionspb.Function, error) {
	all := r.Outputs()
	build, service := all.Object("buildConfig"), all.Object("serviceConfig")
	source := build.Object("source").Object("storageSource")
	updated, err := time.Parse(time.RFC3339, all.Str("updateTime"))
	if err != nil {
		return nil, fmt.Errorf("the update time of the function %s: %w", r.ID, err)
	}
	return &functionspb.Function{
		Name: r.ID, Description: all.Str("description"), Url: all.Str("url"), Labels: all.StringMap("effectiveLabels"),
		State: functionspb.Function_State(functionspb.Function_State_value[all.Str("state")]), Environment: functionspb.Environment_GEN_2,
		UpdateTime: timestamppb.New(updated), CreateTime: timestamppb.New(r.Created),
		BuildConfig: &functionspb.BuildConfig{
			Build: build.Str("build"), Runtime: build.Str("runtime"), EntryPoint: build.Str("entryPoint"), DockerRepository: build.Str("dockerRepository"),
			ServiceAccount: build.Str("serviceAccount"),
			Source: &functionspb.Source{Source: &functionspb.Source_StorageSource{
				StorageSource: &functionspb.StorageSource{Bucket: source.Str("bucket"), Object: source.Str("object")}}},
		},
		ServiceConfig: &functionspb.ServiceConfig{
			Service: service.Str("service"), Uri: service.Str("uri"), AvailableMemory: service.Str("availableMemory"), AvailableCpu: service.Str("availableCpu"),
			EnvironmentVariables: service.StringMap("environmentVariables"),
			TimeoutSeconds:       int32(service.Int("timeoutSeconds")), MaxInstanceCount: int32(service.Int("maxInstanceCount")), //nolint:gosec // G115: the type's own bounds
			MinInstanceCount:              int32(service.Int("minInstanceCount")),              //nolint:gosec // G115
			MaxInstanceRequestConcurrency: int32(service.Int("maxInstanceRequestConcurrency")), //nolint:gosec // G115
			ServiceAccountEmail:           service.Str("serviceAccountEmail"), AllTrafficOnLatestRevision: service.Bool("allTrafficOnLatestRevision"),
			IngressSettings: functionspb.ServiceConfig_IngressSettings(functionspb.ServiceConfig_IngressSettings_value[service.Str("ingressSettings")]),
		},
	}, nil
}

var (
	_ error        = (*googleRefusal)(nil)
	_ http.Handler = (*googleAPI)(nil).handle(nil)
)
