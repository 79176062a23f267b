// Package cloudfunctions is what Google Cloud says of a gateway's functions, and has them fail on purpose, by its Cloud Functions API.
package cloudfunctions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	functions "cloud.google.com/go/functions/apiv2"
	"cloud.google.com/go/functions/apiv2/functionspb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// provider is how the topology names Google Cloud.
const provider = "gcp"

// Provider asks Google Cloud.
type Provider struct {
	// Patience is how long the API is waited for when it is asked for a function: its client sets no limit of its own. 20 s unless it is set.
	Patience time.Duration
	client   *functions.FunctionClient
	regions  []topology.Region
	pause    time.Duration // between looks at what takes its time
}

// New connects by REST, with application default credentials unless an option says otherwise. The provider is to be closed.
func New(ctx context.Context, t topology.Topology, opts ...option.ClientOption) (*Provider, error) {
	client, err := functions.NewFunctionRESTClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to Google's Cloud Functions API (it takes application default credentials: `gcloud auth application-default login`): %w", err)
	}
	return Over(client, t), nil
}

// Over asks by a client that is there already, of REST or gRPC, and closes it when it is closed.
func Over(client *functions.FunctionClient, t topology.Topology) *Provider {
	p := &Provider{Patience: 20 * time.Second, client: client, pause: 2 * time.Second}
	for _, r := range t.Regions {
		if r.Provider == provider {
			p.regions = append(p.regions, r)
		}
	}
	return p
}

// Close closes the connection.
func (p *Provider) Close() error { return p.client.Close() }

// Functions asks for all functions at once. Those that answer are told also when others do not, which the error names.
func (p *Provider) Functions(ctx context.Context) (map[string]control.Function, error) {
	var mu sync.Mutex
	out, errs := map[string]control.Function{}, make([]error, len(p.regions))
	var asked sync.WaitGroup
	for i, r := range p.regions {
		asked.Go(func() {
			f, err := p.function(ctx, r)
			if err != nil {
				errs[i] = err
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[r.Name] = f
		})
	}
	asked.Wait()
	return out, errors.Join(errs...)
}

func (p *Provider) function(ctx context.Context, r topology.Region) (control.Function, error) {
	f, err := p.get(ctx, r)
	if err != nil {
		return control.Function{}, err
	}
	return told(f), nil
}

// get reads the function of a region.
func (p *Provider) get(ctx context.Context, r topology.Region) (*functionspb.Function, error) {
	if r.Function == "" {
		return nil, fmt.Errorf("the topology does not name the function of %s: `polygate up` writes it anew", r.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	f, err := p.client.GetFunction(ctx, &functionspb.GetFunctionRequest{Name: r.Function})
	switch {
	case missing(err):
		return nil, fmt.Errorf("function %s of %s in Google Cloud: %w: %w", r.Function, r.Name, control.ErrUnknown, err)
	case err != nil:
		return nil, fmt.Errorf("ask Google Cloud for the function %s of %s: %w", r.Function, r.Name, err)
	}
	return f, nil
}

// missing reports whether the API answered that a function is not there. REST has it as an HTTP status, gRPC as a code.
func missing(err error) bool {
	var rest *googleapi.Error
	if errors.As(err, &rest) {
		return rest.Code == http.StatusNotFound
	}
	return status.Code(err) == codes.NotFound
}

// told is a function as the control seat knows it. Only one that is ACTIVE "has been successfully deployed and is serving". Source:
// "REST Resource: projects.locations.functions", State, cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions.
func told(f *functionspb.Function) control.Function {
	out := control.Function{Ready: f.GetState() == functionspb.Function_ACTIVE, State: f.GetState().String()}
	if f.GetUpdateTime() != nil {
		out.Updated = f.GetUpdateTime().AsTime()
	}
	if !out.Ready {
		out.Why = why(f.GetStateMessages())
	}
	return out
}

// why is what the messages of a function's state say: the errors among them, or else all.
func why(messages []*functionspb.StateMessage) string {
	var all, failures []string
	for _, m := range messages {
		text := m.GetMessage()
		if m.GetType() != "" {
			text = m.GetType() + ": " + text
		}
		all = append(all, text)
		if m.GetSeverity() == functionspb.StateMessage_ERROR {
			failures = append(failures, text)
		}
	}
	switch {
	case len(failures) > 0:
		return strings.Join(failures, "; ")
	case len(all) > 0:
		return strings.Join(all, "; ")
	}
	return "Google Cloud gives no reason"
}

var (
	_ control.Provider = (*Provider)(nil)
	_ io.Closer        = (*Provider)(nil)
)
