package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"google.golang.org/api/option"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/appservice"
	"polygate.example/tools/internal/control/cloudflare"
	"polygate.example/tools/internal/control/cloudfunctions"
	"polygate.example/tools/internal/control/lambda"
	"polygate.example/tools/internal/control/route53"
	"polygate.example/tools/internal/control/trafficmanager"
	"polygate.example/tools/internal/credential"
	"polygate.example/tools/internal/status"
)

// cloudflareAPI is where Cloudflare's API is.
const cloudflareAPI = "https://api.cloudflare.com/client/v4"

// answerPatience is how long a cloud's API is waited for, each time it is asked: one that takes a request and says nothing is lost as well. The
// SDKs themselves wait for good.
const answerPatience = 20 * time.Second

// seat is the control seat of a stack: connections to the APIs of its manager and providers. On local clouds the SDKs are the same, and so
// are the hosts that they ask; only the network leads elsewhere.
type seat struct {
	topology topology.Topology
	local    *http.Client // leads to local clouds; nil on real ones
	token    string       // of the local clouds
	profile  string       // aws:profile
	getenv   func(string) string
	patience time.Duration // with the API of a real cloud, each time it is asked
}

// seat takes the control seat of what a topology describes.
func (a *app) seat(ctx context.Context, s settings.Settings, t topology.Topology) (*seat, error) {
	out := &seat{topology: t, getenv: a.getenv, patience: answerPatience}
	if s.LocalClouds == nil {
		profile, err := settings.Value(settings.Path(a.root, a.stack), "aws:profile")
		out.profile = profile
		return out, err
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return nil, err
	}
	out.token = st.Token
	out.local, err = st.ManagementClient()
	return out, err
}

// manager connects to one of the stack's traffic managers.
func (s *seat) manager(ctx context.Context, name string) (control.Manager, error) {
	switch name {
	case "route53":
		config, err := s.aws(ctx)
		if err != nil {
			return nil, err
		}
		return route53.New(config, s.topology)
	case "trafficmanager":
		credential, opts, err := s.azure()
		if err != nil {
			return nil, err
		}
		return trafficmanager.New(credential, opts, s.topology)
	case "cloudflare":
		token, client, err := s.token, s.local, error(nil)
		if client == nil {
			client = &http.Client{Timeout: s.patience}
			token, err = credential.Cloudflare(s.getenv)
		}
		if err != nil {
			return nil, err
		}
		return cloudflare.New(client, cloudflareAPI, token, s.topology), nil
	}
	return nil, fmt.Errorf("nobody knows how to operate the traffic manager %q", name)
}

// provider connects to one of the stack's providers; done ends the connection.
func (s *seat) provider(ctx context.Context, name string) (p control.Provider, done func() error, err error) {
	done = func() error { return nil }
	switch name {
	case "aws":
		config, err := s.aws(ctx)
		if err != nil {
			return nil, nil, err
		}
		return lambda.New(config, s.topology), done, nil
	case "azure":
		credential, opts, err := s.azure()
		if err != nil {
			return nil, nil, err
		}
		p, err := appservice.New(credential, opts, s.topology)
		return p, done, err
	case "gcp":
		var opts []option.ClientOption
		if s.local != nil {
			opts = append(opts, option.WithHTTPClient(&http.Client{Transport: bearer{s.token, s.local.Transport}}))
		}
		p, err := cloudfunctions.New(ctx, s.topology, opts...)
		if err != nil {
			return nil, nil, err
		}
		p.Patience = s.patience
		return p, p.Close, nil
	}
	return nil, nil, fmt.Errorf("nobody knows how to ask the provider %q", name)
}

// controlSeat makes looks from the control seat. On real clouds one is remembered for a while: Route 53 takes one question a second for
// the states of its checks (see control/route53), and a watch looks as often. Behind, nobody waits for it: what was last seen is told, with
// its time, and the next look taken meanwhile.
func (a *app) controlSeat(ctx context.Context, s settings.Settings, t topology.Topology, behind bool) (func(context.Context) status.Control, error) {
	at, err := a.seat(ctx, s, t)
	if err != nil {
		return nil, err
	}
	keep := time.Minute
	if s.LocalClouds != nil {
		keep = 0
	}
	look := func(ctx context.Context) status.Control {
		seen := at.look(ctx)
		seen.Led, seen.At = a.led(ctx, s), time.Now().UTC()
		return seen
	}
	if behind {
		return following(ctx, keep, look), nil
	}
	var mu sync.Mutex
	var last status.Control
	return func(ctx context.Context) status.Control {
		mu.Lock()
		defer mu.Unlock()
		if last.At.IsZero() || time.Since(last.At) > keep {
			last = look(ctx)
		}
		return last
	}, nil
}

// following tells at once what was last seen, and has the next look taken meanwhile when that is older than to be kept. All looks end
// with ctx.
func following(ctx context.Context, keep time.Duration, look func(context.Context) status.Control) func(context.Context) status.Control {
	var mu sync.Mutex
	var last status.Control
	looking := false
	return func(context.Context) status.Control {
		mu.Lock()
		defer mu.Unlock()
		if !looking && (last.At.IsZero() || time.Since(last.At) > keep) {
			looking = true
			go func() {
				seen := look(ctx)
				mu.Lock()
				defer mu.Unlock()
				last, looking = seen, false
			}()
		}
		return last
	}
}

// look asks the manager and all providers at the same time. Who cannot be asked is named: it may be what is lost.
func (s *seat) look(ctx context.Context) status.Control {
	out := status.Control{Functions: map[string]control.Function{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := func(who string, err error) {
		mu.Lock()
		defer mu.Unlock()
		out.Unasked = append(out.Unasked, who+": "+reason(err))
	}
	wg.Go(func() {
		m, err := s.manager(ctx, s.topology.Manager)
		if err == nil {
			var seen map[string]control.Region
			seen, err = m.Regions(ctx)
			mu.Lock()
			out.Managed = seen
			mu.Unlock()
		}
		if err != nil {
			failed(s.topology.Manager, err)
		}
	})
	for _, name := range s.providers() {
		wg.Go(func() {
			p, done, err := s.provider(ctx, name)
			if err != nil {
				failed(name, err)
				return
			}
			seen, err := p.Functions(ctx)
			mu.Lock()
			maps.Copy(out.Functions, seen)
			mu.Unlock()
			if err = errors.Join(err, done()); err != nil {
				failed(name, err)
			}
		})
	}
	wg.Wait()
	slices.Sort(out.Unasked)
	return out
}

// reason is what an error begins with: its first line, and what that announces with a colon. Azure's SDK has the reason itself on the next one.
func reason(err error) string {
	text, rest, more := strings.Cut(err.Error(), "\n")
	for more && strings.HasSuffix(strings.TrimSpace(text), ":") {
		var next string
		next, rest, more = strings.Cut(rest, "\n")
		text = strings.TrimSpace(text) + " " + strings.TrimSpace(next)
	}
	return text
}

// providers are those that the topology has regions of.
func (s *seat) providers() []string {
	var out []string
	for _, r := range s.topology.Regions {
		if !slices.Contains(out, r.Provider) {
			out = append(out, r.Provider)
		}
	}
	return out
}

func (s *seat) aws(ctx context.Context) (aws.Config, error) {
	if s.local == nil {
		config, err := credential.AWS(ctx, s.profile)
		client, ok := config.HTTPClient.(*awshttp.BuildableClient)
		if config.HTTPClient == nil {
			client, ok = awshttp.NewBuildableClient(), true
		}
		if ok {
			config.HTTPClient = client.WithTimeout(s.patience)
		}
		return config, err
	}
	return aws.Config{
		Region: "us-east-1", HTTPClient: s.local, RetryMaxAttempts: 2,
		Credentials: credentials.NewStaticCredentialsProvider("local", s.token, ""),
	}, nil
}

func (s *seat) azure() (azcore.TokenCredential, *arm.ClientOptions, error) {
	if s.local == nil {
		found, err := credential.Azure(s.getenv)
		return found, &arm.ClientOptions{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{TryTimeout: s.patience}}}, err
	}
	return fixed(s.token), &arm.ClientOptions{
		ClientOptions:         policy.ClientOptions{Transport: s.local, Retry: policy.RetryOptions{MaxRetries: -1}},
		DisableRPRegistration: true,
	}, nil
}

// fixed is a token that does for local clouds.
type fixed string

// GetToken gives it.
func (f fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// bearer shows a token with each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

// RoundTrip sends the request on.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

var (
	_ azcore.TokenCredential = fixed("")
	_ http.RoundTripper      = bearer{}
)
