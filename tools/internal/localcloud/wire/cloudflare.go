package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenPool = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	poolsPath = "/client/v4/accounts/{account}/load_balancers/pools"
	// maxPatch is how much of a change is read: a pool of a hundred origins is far from it.
	maxPatch = 1 << 20
)

// Codes of Cloudflare's errors. Those of load balancing as package cloudflare has them, with their sources; for the others "Making
// requests", Authentication/authorization errors, developers.cloudflare.com/workers/tooling/api/requests as of 2020.
const (
	cfNotFound      = 1001
	cfInvalid       = 1002
	cfNoRoute       = 7000
	cfRoute         = 7003
	cfMissingHeader = 9106
	cfRefused       = 10000
)

// Cloudflare is Cloudflare's API as far as the pools of the account go: List Pools, Pool Health Details and Patch Pool, of which it changes
// who is enabled and the list of origins; and Load Balancer Details and Patch Load Balancer, of which it changes the fallback pool and the
// weights. status is what probing says of an origin, by "<pool id>/<origin name>"; changes have the clock's
// time. Source: developers.cloudflare.com/api/resources/load_balancers/subresources/pools.
func Cloudflare(a Access, store *resource.Store, clock *clock.Clock, status func(check string) (probe.Status, bool)) http.Handler {
	c := cfAPI{access: a, store: store, clock: clock, status: status}
	mux := http.NewServeMux()
	mux.Handle("GET "+poolsPath, c.handle(c.list))
	mux.Handle("GET "+poolsPath+"/{id}/health", c.handle(c.health))
	mux.Handle("PATCH "+poolsPath+"/{id}", c.handle(c.patch))
	mux.Handle("GET "+balancersPath, c.handle(c.getBalancer))
	mux.Handle("PATCH "+balancersPath, c.handle(c.patchBalancer))
	mux.Handle("/", c.handle(func(r *http.Request) (any, error) { return nil, cfUnrouted(r) }))
	return mux
}

// cfAPI answers calls about pools and load balancers.
type cfAPI struct {
	access Access
	store  *resource.Store
	clock  *clock.Clock
	status func(check string) (probe.Status, bool)
}

// cfRefusal is an answer that is no success.
type cfRefusal struct {
	status   int
	problems []cfProblem
}

type cfProblem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func cfRefuse(status, code int, format string, args ...any) error {
	return &cfRefusal{status, []cfProblem{{code, fmt.Sprintf(format, args...)}}}
}

func (r *cfRefusal) Error() string { return fmt.Sprintf("%d %v", r.status, r.problems) }

// cfUnrouted is the answer to a path that leads nowhere, or an id of somebody else's.
func cfUnrouted(r *http.Request) error {
	return &cfRefusal{http.StatusNotFound, []cfProblem{
		{cfRoute, fmt.Sprintf("Could not route to %s, perhaps your object identifier is invalid?", r.URL.Path)}, {cfNoRoute, "No route for that URI"}}}
}

// cfAnswer is the document around every answer.
type cfAnswer struct {
	Result   any         `json:"result"`
	Success  bool        `json:"success"`
	Errors   []cfProblem `json:"errors"`
	Messages []any       `json:"messages"`
	Info     *cfInfo     `json:"result_info,omitempty"`
}

// cfInfo says that a list is whole.
type cfInfo struct {
	Page  int `json:"page"`
	Per   int `json:"per_page"`
	Count int `json:"count"`
	Total int `json:"total_count"`
	Pages int `json:"total_pages"`
}

// handle answers who may ask.
func (c cfAPI) handle(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := c.admit(r)
		if err == nil {
			result, err = do(r)
		}
		answer, status := cfAnswer{Result: result, Success: true, Errors: []cfProblem{}, Messages: []any{}}, http.StatusOK
		if pools, ok := result.([]cfPool); ok {
			answer.Info = &cfInfo{Page: 1, Per: max(1, len(pools)), Count: len(pools), Total: len(pools), Pages: 1}
		}
		if err != nil {
			refusal := &cfRefusal{http.StatusInternalServerError, []cfProblem{{cfInvalid, err.Error()}}} // the local clouds' own, such as a full disk
			errors.As(err, &refusal)
			answer, status = cfAnswer{Errors: refusal.problems, Messages: []any{}}, refusal.status
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // who does not wait for the answer needs none
	}
}

// admit refuses who may not ask. A token that is not good enough has 403 and 10000 (cloudflare/cf-terraforming issue 279).
func (c cfAPI) admit(r *http.Request) (any, error) {
	switch {
	case c.access.lost("cloudflare"):
		return nil, cfRefuse(http.StatusServiceUnavailable, cfRefused, "service failure")
	case r.Header.Get("Authorization") == "":
		return nil, cfRefuse(http.StatusBadRequest, cfMissingHeader, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	case !c.access.bearer(r):
		return nil, cfRefuse(http.StatusForbidden, cfRefused, "Authentication error")
	case r.PathValue("account") != "" && r.PathValue("account") != cloudflare.Account:
		return nil, cfUnrouted(r)
	}
	return nil, nil
}

func (c cfAPI) list(*http.Request) (any, error) {
	out := []cfPool{}
	for _, p := range c.store.View().List(tokenPool) {
		out = append(out, c.pool(p))
	}
	return out, nil
}

func cfFind(v resource.View, r *http.Request) (resource.Record, error) {
	p, ok := v.Get(tokenPool, r.PathValue("id"))
	if !ok {
		return p, cfRefuse(http.StatusNotFound, cfNotFound, "pool %s not found", r.PathValue("id")) // the words are ours
	}
	return p, nil
}

// health is what each data centre found. A pool that nobody has probed has none; for the words see turbot/steampipe-plugin-cloudflare pull
// request 175, status and code are ours.
func (c cfAPI) health(r *http.Request) (any, error) {
	p, err := cfFind(c.store.View(), r)
	if err != nil {
		return nil, err
	}
	places := c.places(p)
	if len(places) == 0 {
		return nil, cfRefuse(http.StatusBadRequest, cfInvalid, "Health info unavailable")
	}
	return map[string]any{"pool_id": p.ID, "pop_health": places}, nil
}

// patch changes a pool under the rules of its resource type. Who goes by the pool's inputs, as the local balancer does, sees it at once.
func (c cfAPI) patch(r *http.Request) (any, error) {
	var change cfChange
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxPatch))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&change); err != nil {
		return nil, cfRefuse(http.StatusBadRequest, cfInvalid, "%v: validation failed (the local clouds take enabled and origins)", err)
	}
	var changed resource.Record
	err := c.store.Amend(r.Context(), func(v resource.View) ([]resource.Record, error) {
		old, err := cfFind(v, r)
		if err != nil {
			return nil, err
		}
		changed, err = c.amend(r.Context(), tokenPool, old, old.Inputs.With(change.props()))
		return []resource.Record{changed}, err
	})
	if err != nil {
		return nil, err
	}
	return c.pool(changed), nil
}

// amend is a pool or a load balancer with other inputs, if its type allows them.
func (c cfAPI) amend(ctx context.Context, token string, old resource.Record, in resource.Props) (resource.Record, error) {
	cloud := cloudflare.Cloud()
	kind, err := cloud.Type(token)
	if err != nil {
		return old, err
	}
	computed, err := kind.Update(ctx, resource.NewEnv(c.store, cloud, resource.Services{Clock: c.clock}), old, in)
	if err != nil {
		return old, cfUnwrap(err)
	}
	old.Inputs, old.Computed = in, old.Computed.With(computed)
	return old, nil
}

// cfUnwrap takes the API's own document out of the words that a provider puts before it.
func cfUnwrap(err error) error {
	code, bad := strconv.Atoi(resource.Code(err))
	if bad != nil {
		return err
	}
	var doc cfAnswer
	if _, text, ok := strings.Cut(err.Error(), " {"); ok && json.Unmarshal([]byte("{"+text), &doc) == nil {
		return &cfRefusal{http.StatusBadRequest, doc.Errors}
	}
	return cfRefuse(http.StatusBadRequest, code, "%v", err)
}

var (
	_ error        = (*cfRefusal)(nil)
	_ http.Handler = cfAPI{}.handle(nil)
)
