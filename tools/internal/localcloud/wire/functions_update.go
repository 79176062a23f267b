package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"cloud.google.com/go/functions/apiv2/functionspb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"polygate.example/tools/internal/localcloud/resource"
)

const maxGoogle = 1 << 20 // our own bound on a request's body, bytes

// googleOperation is an update that was asked for, and how it ended.
type googleOperation struct {
	function *functionspb.Function
	failed   error
}

// patch is projects.locations.functions.patch with the one mask that the local clouds carry out. The function is built and tried anew, as
// Google does for every change (hashicorp/terraform-provider-google issue #23781), and the one before serves until then. A second update
// while one is under way is refused: firebase/firebase-tools issue #10731.
func (g *googleAPI) patch(r *http.Request) ([]byte, error) {
	id := strings.TrimPrefix(r.URL.Path, "/v2/")
	f, ok := g.store.View().Get(tokenGoogleFunction, id)
	if !ok {
		return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Resource '%s' was not found", id)}
	}
	if mask := r.URL.Query().Get("updateMask"); mask != "serviceConfig.environmentVariables" && mask != "service_config.environment_variables" {
		return nil, &googleRefusal{http.StatusNotImplemented, "UNIMPLEMENTED", fmt.Sprintf("The local clouds update the mask serviceConfig.environmentVariables only, not %q", mask)}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxGoogle))
	var in functionspb.Function
	if err := errors.Join(err, protojson.Unmarshal(body, &in)); err != nil {
		return nil, &googleRefusal{http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Invalid JSON payload received: %v", err)}
	}
	if !g.begin(id) {
		return nil, &googleRefusal{http.StatusConflict, "ABORTED", "unable to queue the operation"}
	}
	defer g.end(id)
	variables := resource.Props{}
	for k, v := range in.GetServiceConfig().GetEnvironmentVariables() {
		variables[k] = v
	}
	op := &googleOperation{}
	changed := f.Inputs.With(resource.Props{"serviceConfig": f.Inputs.Object("serviceConfig").With(resource.Props{"environmentVariables": variables})})
	if _, op.failed = g.control.Update(r.Context(), tokenGoogleFunction, id, f.Outputs(), changed, nil, false); op.failed == nil {
		if f, ok = g.store.View().Get(tokenGoogleFunction, id); ok {
			op.function, op.failed = googleFunction(f)
		}
	}
	name := fmt.Sprintf("projects/%s/locations/%s/operations/operation-%s", r.PathValue("project"), r.PathValue("location"), uuid.NewString())
	g.mu.Lock()
	g.operations[name] = op
	g.mu.Unlock()
	return googleJSON(r, &longrunningpb.Operation{Name: name})
}

// operation is projects.locations.operations.get. Source: "REST Resource: projects.locations.operations", Operation.
func (g *googleAPI) operation(r *http.Request) ([]byte, error) {
	name := strings.TrimPrefix(r.URL.Path, "/v2/")
	g.mu.Lock()
	op := g.operations[name]
	g.mu.Unlock()
	if op == nil {
		return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Resource '%s' was not found", name)}
	}
	out := &longrunningpb.Operation{Name: name, Done: true}
	if op.failed != nil {
		out.Result = &longrunningpb.Operation_Error{Error: status.New(codes.InvalidArgument, op.failed.Error()).Proto()}
	} else {
		packed := &anypb.Any{}
		if err := anypb.MarshalFrom(packed, op.function, proto.MarshalOptions{}); err != nil {
			return nil, err
		}
		out.Result = &longrunningpb.Operation_Response{Response: packed}
	}
	return googleJSON(r, out)
}

// begin marks a function as being updated, unless it is.
func (g *googleAPI) begin(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[id] {
		return false
	}
	g.busy[id] = true
	return true
}

func (g *googleAPI) end(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.busy, id)
}
