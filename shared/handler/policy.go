package handler

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// policy is what a policy of the document does. The request comes to it before it comes to next; what it wants to do to the
// answer it says by exchange.beforeHead, or with a ResponseWriter of its own.
type policy func(next http.Handler) http.Handler

// environment is what policies find around them.
type environment struct {
	name    string // of the policy
	region  string
	hosts   []string
	log     *slog.Logger
	secrets *secret.Store
	getenv  func(string) string        // nil for a process without an environment
	now     func() time.Time           // the wall clock
	stores  stores                     // that counts are shared in
	query   map[string]map[string]bool // see queryNames
}

// newPolicies compiles every policy of a model once, whatever number of routes have it.
func newPolicies(m *gateway.Model, log *slog.Logger, opts Options, shared stores) (map[string]policy, error) {
	env := environment{region: opts.Instance.Region, hosts: opts.Hosts, log: log, secrets: opts.Secrets, getenv: opts.Getenv, now: opts.Now, stores: shared}
	if env.now == nil {
		env.now = time.Now
	}
	out := map[string]policy{}
	all := m.Policies()
	env.query = queryNames(m, all)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env.name = name
		p, err := newPolicy(all[name], env)
		if err != nil {
			return nil, fmt.Errorf("handler: policy %s: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
}

// newPolicy compiles one policy: a case for each kind, whose file has the rest.
func newPolicy(p gateway.Policy, env environment) (policy, error) {
	switch {
	case p.APIKey != nil:
		return newAPIKey(*p.APIKey, env)
	case p.Authorize != nil:
		return newAuthorize(*p.Authorize, env)
	case p.Basic != nil:
		return newBasic(*p.Basic, env)
	case p.ClientCertificate != nil:
		return newClientCertificate(*p.ClientCertificate, env)
	case p.GraphQL != nil:
		return newGraphQL(*p.GraphQL, env)
	case p.IP != nil:
		return newIP(*p.IP, env)
	case p.JWT != nil:
		return newJWT(*p.JWT, env)
	case p.Quota != nil:
		return newQuota(*p.Quota, env)
	case p.RateLimit != nil:
		return newRateLimit(*p.RateLimit, env)
	case p.Signature != nil:
		return newSignature(*p.Signature, env)
	case p.CORS != nil:
		c, err := newCORS(*p.CORS, env)
		if err != nil {
			return nil, err
		}
		return c.policy, nil
	case p.SecurityHeaders != nil:
		return newSecurityHeaders(*p.SecurityHeaders), nil
	case p.Limits != nil:
		return newLimits(*p.Limits, env)
	case p.Transform != nil:
		return newTransform(*p.Transform, env)
	case p.Validate != nil:
		return newValidate(*p.Validate, env)
	}
	return nil, fmt.Errorf("it has no kind, which no model has")
}

// chain puts policies before an endpoint, the first of them first.
func chain(endpoint http.Handler, names []string, policies map[string]policy) http.Handler {
	for _, name := range slices.Backward(names) {
		endpoint = policies[name](endpoint)
	}
	return endpoint
}

// guarding is the environment of one of the gateway's own guards, which refuse requests before any policy: the audit log has them by a name that
// no policy can have.
func guarding(what string, log *slog.Logger) environment {
	return environment{name: "(" + what + ")", log: log}
}

// deny refuses a request and leaves a line in the audit log. The answer says no more than the problem does; why is for the log,
// and must not hold a credential.
func (e environment) deny(w http.ResponseWriter, r *http.Request, answer *problem, why string) {
	x := exchangeOf(r)
	e.log.LogAttrs(r.Context(), slog.LevelWarn, "denied", slog.String("id", x.id), slog.String("policy", e.name), slog.String("route", x.route),
		slog.String("client", r.RemoteAddr), slog.String("consumer", x.caller.Consumer), slog.Int("status", answer.Status), slog.String("why", why))
	answer.write(w, x.id)
}
