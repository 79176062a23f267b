package localcloud

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/webtest"
)

// Overview is what the control API tells about the running clouds.
type Overview struct {
	Regions []string                `json:"regions"` // regions that run a function, sorted
	Fronts  map[string][]string     `json:"fronts"`  // listen address -> names answered there
	Faults  []fault.Fault           `json:"faults"`
	Checks  map[string]probe.Status `json:"checks"` // by health check id; those of Traffic Manager are the endpoints' ids, Cloudflare's <pool id>/<origin name>

	Delegations map[string]string       `json:"delegations"`        // zone -> manager whose servers its clients are led to
	Switches    Switches                `json:"switches"`           // states of routing controls
	Profiles    []monitor.ProfileStatus `json:"profiles,omitempty"` // of Traffic Manager

	Alarms map[string]webtest.Alarm `json:"alarms,omitempty"` // of Azure's web tests, by the id of the rule; no others are evaluated
}

// api serves the control API: faults in and out, an overview, and the order to stop. Every call carries the token of the
// state file, so that a web page open in somebody's browser cannot break regions.
func (c *Clouds) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/pid", func(w http.ResponseWriter, _ *http.Request) { reply(w, os.Getpid()) })
	mux.HandleFunc("PUT /v1/certificate", func(w http.ResponseWriter, r *http.Request) {
		var p PFX
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&p); err != nil {
			refuse(w, fmt.Errorf("decode the certificate's description: %w", err))
			return
		}
		if err := c.bringCertificate(&p); err != nil {
			refuse(w, err)
			return
		}
		reply(w, struct{}{})
	})
	mux.HandleFunc("POST /v1/disown", func(w http.ResponseWriter, r *http.Request) {
		var recorded []resource.Known
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<26)).Decode(&recorded); err != nil {
			refuse(w, fmt.Errorf("decode what is recorded: %w", err))
			return
		}
		recorded = slices.DeleteFunc(recorded, func(k resource.Known) bool { return !c.has(k.Type) })
		beside, gone, err := c.store.Disown(r.Context(), recorded)
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, disowned{beside, gone})
	})
	mux.HandleFunc("DELETE /v1/orphans", func(w http.ResponseWriter, r *http.Request) {
		removed, err := c.sweep(r.Context())
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, removed)
	})
	mux.HandleFunc("GET /v1/deployed", func(w http.ResponseWriter, _ *http.Request) {
		ids := []string{}
		for _, r := range c.store.View().Deployed() {
			ids = append(ids, described(r))
		}
		reply(w, ids)
	})
	mux.HandleFunc("GET /v1/overview", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.overview()) })
	mux.HandleFunc("POST /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		var f fault.Fault
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			refuse(w, fmt.Errorf("decode the fault: %w", err))
			return
		}
		ofManager, err := c.managerFault(f)
		if err != nil {
			refuse(w, err)
			return
		}
		// A control plane can be broken before anything is deployed: the first deployment may meet that, too.
		if !ofManager && (f.Kind != fault.ControlPlane || !slices.ContainsFunc(c.clouds, func(cl cloud) bool { return cl.Provider == f.Target })) {
			if err := c.known(f.Target); err != nil {
				refuse(w, err)
				return
			}
		}
		if err := c.inject(f); err != nil {
			refuse(w, err)
			return
		}
		reply(w, c.faults.List())
	})
	mux.HandleFunc("DELETE /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		cure, err := cureOf(r.URL.Query())
		if err != nil {
			refuse(w, err)
			return
		}
		healed, err := c.heal(cure)
		if err != nil {
			refuse(w, err)
			return
		}
		if healed == 0 && cure.Target != "" && !c.isManager(cure.Target) { // a region may be gone and its fault still there, but this is none's name
			if err := c.known(cure.Target); err != nil {
				refuse(w, err)
				return
			}
		}
		reply(w, map[string]int{"healed": healed})
	})
	c.serveSecrets(mux)
	c.serveDelegation(mux)
	c.serveSwitches(mux)
	c.serveChallenges(mux)
	mux.HandleFunc("POST /v1/stop", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, struct{}{})
		c.stopOnce.Do(func() { close(c.stop) })
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(c.state.Token)) != 1 {
			http.Error(w, "this API wants the token of clouds.json", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// disowned is what Disown found.
type disowned struct {
	Beside int `json:"beside"` // made, and not in the state
	Gone   int `json:"gone"`   // in the state, and nowhere
}

// has reports whether a type is one of the local clouds'.
func (c *Clouds) has(token string) bool {
	return slices.ContainsFunc(c.clouds, func(cl cloud) bool {
		_, err := cl.Type(token)
		return err == nil
	})
}

// sweep removes what was disowned and nobody has had made since, what was made last first, and names it.
func (c *Clouds) sweep(ctx context.Context) (removed []string, err error) {
	removed = []string{}
	for _, r := range slices.Backward(c.store.View().Orphans()) {
		i := slices.IndexFunc(c.clouds, func(cl cloud) bool { return cl.Provider == r.Provider })
		if i < 0 {
			continue
		}
		ctl, err := resource.NewController(c.clouds[i].Cloud, c.store, c.services)
		if err != nil {
			return removed, err
		}
		if err := ctl.Delete(ctx, r.Type, r.ID, r.Outputs(), nil); err != nil {
			return removed, fmt.Errorf("remove %s, which a killed run made: %w", described(r), err)
		}
		removed = append(removed, described(r))
	}
	return removed, nil
}

// described names a resource for people: its type, its id and what tells that apart from others of the same id.
func described(r resource.Record) string {
	return strings.Join(strings.Fields(r.Type+" "+r.ID+" "+r.Scope), " ")
}

// known refuses a fault's target that no deployed region matches, and lists those there are.
func (c *Clouds) known(target string) error {
	regions := c.overview().Regions
	for _, r := range regions {
		if r == target || strings.HasPrefix(r, target+"/") {
			return nil
		}
	}
	if len(regions) == 0 {
		return fmt.Errorf("%q is not deployed: nothing is; run `polygate up` first", target)
	}
	var known []string // providers and managers
	for _, r := range regions {
		provider, _, _ := strings.Cut(r, "/")
		known = append(known, provider)
	}
	for _, z := range c.world.Load().Zones {
		if z.Manager != "" {
			known = append(known, z.Manager)
		}
	}
	slices.Sort(known)
	return fmt.Errorf("%q is not deployed: want one of %s", target, strings.Join(append(slices.Compact(known), regions...), ", "))
}

func (c *Clouds) overview() Overview {
	w := c.world.Load()
	o := Overview{Regions: []string{}, Fronts: map[string][]string{}, Faults: c.faults.List(), Checks: map[string]probe.Status{},
		Delegations: map[string]string{}, Switches: aws.RoutingControls(c.store.View())}
	for _, f := range w.Functions {
		if !slices.Contains(o.Regions, f.Region) {
			o.Regions = append(o.Regions, f.Region)
		}
	}
	slices.Sort(o.Regions)
	for _, s := range w.Sites {
		for _, h := range s.Hosts {
			o.Fronts[s.Listen.String()] = append(o.Fronts[s.Listen.String()], h.Name)
		}
	}
	for _, z := range w.Zones {
		if z.Manager != "" && !z.Undelegated {
			o.Delegations[z.Name] = z.Manager
		}
	}
	for _, h := range w.Checks {
		if st, ok := c.checkers.Status(h.ID); ok {
			o.Checks[h.ID] = st
		}
	}
	maps.Copy(o.Checks, c.profiles.Checks())
	maps.Copy(o.Checks, c.balancers.Load().Checks())
	o.Profiles = c.profiles.Profiles()
	o.Alarms = c.tests.Alarms()
	return o
}

type apiError struct {
	Error string `json:"error"`
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to tell
}

func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusBadRequest
	if fenced := (*fault.FencedError)(nil); errors.As(err, &fenced) {
		status = http.StatusConflict
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(apiError{err.Error()})
}

// Client talks to running local clouds.
type Client struct{ state State }

// NewClient returns a client of the clouds that state describes.
func NewClient(s State) *Client { return &Client{s} }

// ErrRefused marks a request that the clouds understood and refused: the caller's to mend.
var ErrRefused = errors.New("refused")

// ErrFenced marks what was refused because a later drill has shown a higher token: the lock of the one that asks is lost. It is an
// ErrRefused, too.
var ErrFenced = fmt.Errorf("%w by a fence", ErrRefused)

// Overview asks what runs and what is broken.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	return o, c.call(ctx, http.MethodGet, "/v1/overview", nil, &o)
}

// pid asks for the process id of whoever serves the API with this token.
func (c *Client) pid(ctx context.Context) (int, error) {
	var pid int
	return pid, c.call(ctx, http.MethodGet, "/v1/pid", nil, &pid)
}

// BringCertificate has the certificate issued that in production the user brings, unless the files hold one for all names.
func (c *Client) BringCertificate(ctx context.Context, p PFX) error {
	return c.call(ctx, http.MethodPut, "/v1/certificate", p, nil)
}

// Disown tells what the engine's state knows, and returns how many resources there are beside, which a killed run had no time to record,
// and how many of those that it knows are gone. The next run is given the former when it has them made once more.
func (c *Client) Disown(ctx context.Context, recorded []resource.Known) (beside, gone int, err error) {
	var d disowned
	err = c.call(ctx, http.MethodPost, "/v1/disown", recorded, &d)
	return d.Beside, d.Gone, err
}

// Sweep removes what was disowned and no run has had made since, and names it.
func (c *Client) Sweep(ctx context.Context) (removed []string, err error) {
	err = c.call(ctx, http.MethodDelete, "/v1/orphans", nil, &removed)
	return removed, err
}

// Deployed lists all that deployments have made and none has removed, each as its type, its id and what tells that apart from others of
// the same id.
func (c *Client) Deployed(ctx context.Context) ([]string, error) {
	var ids []string
	return ids, c.call(ctx, http.MethodGet, "/v1/deployed", nil, &ids)
}

// Stop asks the clouds to end; they do so after answering.
func (c *Client) Stop(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/stop", nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body strings.Builder
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.state.API+path, strings.NewReader(body.String()))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.state.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the local clouds: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var e apiError
		if json.NewDecoder(res.Body).Decode(&e) != nil || e.Error == "" {
			return fmt.Errorf("the local clouds answered %s", res.Status)
		}
		if res.StatusCode == http.StatusConflict {
			return fmt.Errorf("%w: %s", ErrFenced, e.Error)
		}
		return fmt.Errorf("%w: %s", ErrRefused, e.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("read the local clouds' answer: %w", err)
	}
	return nil
}
