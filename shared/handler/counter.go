package handler

import (
	"net/http"
	"strconv"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/ratelimit"
)

// Headers of answers. Source: draft-ietf-httpapi-ratelimit-headers-10, "RateLimit header fields for HTTP": lists of structured
// fields (RFC 9651), an item for each policy, with q (quota) and w (window, seconds), and r (remaining) and t (seconds).
const (
	headerPolicy = "Ratelimit-Policy"
	headerLimit  = "Ratelimit"
)

// counter is what policies have in common that count requests.
type counter struct {
	env     environment
	parts   []keyPart
	rules   map[string]*ratelimit.Rule // by plan; "" is that of all others
	limiter *ratelimit.Limiter
	detail  string
	code    string
}

func newCounter(env environment, by []gateway.CountBy, keys int, shared *gateway.Shared) (*counter, error) {
	parts, err := keyParts(by, env)
	if err != nil {
		return nil, err
	}
	c := &counter{env: env, parts: parts, rules: map[string]*ratelimit.Rule{}}
	opts := ratelimit.Options{Keys: keys, Now: env.now, After: time.AfterFunc}
	if shared != nil {
		guard, err := env.stores.guard(shared.Redis, shared.Timeout, env)
		if err != nil {
			return nil, err
		}
		opts.Shared = &ratelimit.Sharing{Guard: guard, Prefix: "polygate:" + env.name + ":", Sync: time.Duration(shared.Sync),
			Timeout: time.Duration(shared.Timeout), OnError: ratelimit.OnError(shared.OnStoreError)}
	}
	c.limiter = ratelimit.New(opts)
	return c, nil
}

func (c *counter) policy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		plan := x.caller.Plan
		rule := c.rules[plan]
		if rule == nil {
			plan, rule = "", c.rules[""]
		}
		d := c.limiter.Take(r.Context(), c.key(r, x, plan), rule)
		if !d.Unknown {
			c.tell(x, rule, d)
		}
		switch {
		case d.Allowed:
			next.ServeHTTP(w, r)
		case d.Unknown:
			w.Header().Set("Retry-After", strconv.FormatInt(seconds(d.Retry), 10))
			answer := fail(http.StatusServiceUnavailable, "The gateway cannot count requests at the moment: see Retry-After.")
			answer.Code = "limit_unavailable"
			c.env.deny(w, r, answer, "the store that counts does not answer")
		default:
			w.Header().Set("Retry-After", strconv.FormatInt(seconds(d.Retry), 10))
			answer := fail(http.StatusTooManyRequests, c.detail)
			answer.Code = c.code
			c.env.deny(w, r, answer, "the limit is reached")
		}
	})
}

// tell puts the limit and what is left of it on the answer, after what other policies and the upstream say of theirs.
func (c *counter) tell(x *exchange, rule *ratelimit.Rule, d ratelimit.Decision) {
	wait := d.Reset
	if !d.Allowed {
		wait = d.Retry // the same point in time as Retry-After
	}
	b := make([]byte, 0, 128)
	b = append(append(append(b, '"'), c.env.name...), '"')
	item := len(b)
	b = strconv.AppendInt(append(b, ";q="...), rule.Quota(), 10)
	b = strconv.AppendInt(append(b, ";w="...), seconds(rule.Window(c.env.now())), 10)
	policy := string(b)
	b = strconv.AppendInt(append(b[:item], ";r="...), d.Remaining, 10)
	b = strconv.AppendInt(append(b, ";t="...), seconds(wait), 10)
	limit := string(b)
	x.beforeHead(func(_ int, h http.Header) {
		h[headerPolicy] = append(h[headerPolicy], policy)
		h[headerLimit] = append(h[headerLimit], limit)
	})
}

// seconds rounds up, to at least one: Retry-After: 0 would ask for the next request at once.
func seconds(d time.Duration) int64 {
	return max(1, int64((d+time.Second-1)/time.Second))
}
