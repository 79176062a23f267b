package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// limit is a model of one route with a limit of one request an hour.
func limit(by ...gateway.CountBy) gateway.RateLimit {
	return gateway.RateLimit{Rate: 1, Per: gateway.Duration(time.Hour), Burst: 1, By: by, Keys: 1000}
}

// counting is a policy at work, behind one that finds out who calls, at a time that the test sets.
func counting(t testing.TB, p gateway.Policy, who *caller, now *time.Time) http.Handler {
	t.Helper()
	env := environment{name: "calls", log: (&logBuffer{}).logger(), stores: stores{}, now: func() time.Time { return *now }}
	made, err := newPolicy(p, env)
	if err != nil {
		t.Fatal(err)
	}
	end := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	next := made(end)
	return identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		if who != nil {
			x.caller = *who
		}
		x.route = r.Header.Get("Test-Route")
		next.ServeHTTP(w, r)
	}), "")
}

// Requests with the same key are counted together, and others apart.
func TestCountBy(t *testing.T) {
	type request struct {
		remote, header, route string
		who                   caller
		want                  int
	}
	by := func(kinds ...string) (out []gateway.CountBy) {
		for _, k := range kinds {
			kind, name, _ := strings.Cut(k, " ")
			out = append(out, gateway.CountBy{Kind: kind, Name: name})
		}
		return out
	}
	claims := func(v any) caller { return caller{Claims: map[string]any{"tenant": v}} }
	for name, c := range map[string]struct {
		by   []gateway.CountBy
		seen []request
	}{
		"ip": {by("ip"), []request{{"192.0.2.1:1", "", "", caller{}, 200}, {"192.0.2.1:2", "", "", caller{}, 429}, {"192.0.2.2:1", "", "", caller{}, 200},
			{"[::ffff:192.0.2.1]:1", "", "", caller{}, 429}, {"", "", "", caller{}, 200}, {"@", "", "", caller{}, 429}}},
		"IPv6 by 64 bits": {by("ip"), []request{{"[2001:db8::1]:1", "", "", caller{}, 200}, {"[2001:db8::ffff:1]:1", "", "", caller{}, 429},
			{"[2001:db8:0:0:8000::]:1", "", "", caller{}, 429}, {"[2001:db8:0:1::1]:1", "", "", caller{}, 200}}},
		"consumer": {by("consumer"), []request{{"192.0.2.1:1", "", "", caller{Consumer: "a"}, 200}, {"192.0.2.2:1", "", "", caller{Consumer: "a"}, 429},
			{"192.0.2.1:1", "", "", caller{Consumer: "b"}, 200}, {"192.0.2.1:1", "", "", caller{}, 200}, {"192.0.2.1:1", "", "", caller{}, 429}, {"192.0.2.3:1", "", "", caller{}, 200}}},
		"no value is no text": {by("header X"), []request{{"1.2.3.4:1", "", "", caller{}, 200}, {"192.0.2.1:1", "\x01\x02\x03\x04", "", caller{}, 200}}},
		"header": {by("header X"), []request{{"192.0.2.1:1", "a", "", caller{}, 200}, {"192.0.2.2:1", "a", "", caller{}, 429}, {"192.0.2.1:1", "b", "", caller{}, 200},
			{"192.0.2.1:1", strings.Repeat("long", 1000), "", caller{}, 200}, {"192.0.2.1:1", strings.Repeat("long", 1000) + "er", "", caller{}, 200}}},
		"claim": {by("claim tenant"), []request{{"192.0.2.1:1", "", "", claims("a"), 200}, {"192.0.2.2:1", "", "", claims("a"), 429}, {"192.0.2.1:1", "", "", claims(7.0), 200},
			{"192.0.2.2:1", "", "", claims(7.0), 429}, {"192.0.2.1:1", "", "", claims(true), 200}, {"192.0.2.1:1", "", "", claims([]any{"a"}), 200}, {"192.0.2.1:1", "", "", claims(nil), 429}}},
		"route":    {by("route"), []request{{"192.0.2.1:1", "", "one", caller{}, 200}, {"192.0.2.2:1", "", "one", caller{}, 429}, {"192.0.2.1:1", "", "two", caller{}, 200}}},
		"plan":     {by("plan"), []request{{"192.0.2.1:1", "", "", caller{Plan: "a"}, 200}, {"192.0.2.2:1", "", "", caller{Plan: "a"}, 429}, {"192.0.2.1:1", "", "", caller{Plan: "b"}, 200}}},
		"everyone": {by("everyone"), []request{{"192.0.2.1:1", "", "", caller{}, 200}, {"192.0.2.2:1", "x", "y", caller{Consumer: "z"}, 429}}},
		"a list": {by("header X", "route"), []request{{"192.0.2.1:1", "ab", "c", caller{}, 200}, {"192.0.2.1:1", "a", "bc", caller{}, 200},
			{"192.0.2.1:1", "ab", "d", caller{}, 200}, {"192.0.2.9:1", "ab", "c", caller{}, 429}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, who := time.Now(), caller{}
			p := limit(c.by...)
			h := counting(t, gateway.Policy{RateLimit: &p}, &who, &now)
			for i, q := range c.seen {
				r := from(q.remote, "/")
				who = q.who
				r.Header.Set("Test-Route", q.route)
				if q.header != "" {
					r.Header["X"] = []string{q.header}
				}
				if got := ask(h, r).StatusCode; got != q.want {
					t.Errorf("request %d of %+v: %d", i, q, got)
				}
			}
		})
	}
}

// A plan has a limit of its own, and a consumer who gets another plan begins with it.
func TestPlans(t *testing.T) {
	now, who := time.Now(), caller{Consumer: "a"}
	p := limit(gateway.CountBy{Kind: gateway.ByConsumer})
	p.Plans = map[string]gateway.Rates{"gold": {Rate: 3, Per: gateway.Duration(time.Minute), Burst: 3}}
	h := counting(t, gateway.Policy{RateLimit: &p}, &who, &now)
	for i, c := range []struct {
		plan, policy string
		want         int
	}{{"", `"calls";q=1;w=3600`, 200}, {"tin", `"calls";q=1;w=3600`, 429}, {"gold", `"calls";q=3;w=60`, 200}, {"gold", `"calls";q=3;w=60`, 200}, {"gold", `"calls";q=3;w=60`, 200}, {"gold", `"calls";q=3;w=60`, 429}} {
		who.Plan = c.plan
		resp := ask(h, get("/"))
		if got := resp.Header.Get("RateLimit-Policy"); resp.StatusCode != c.want || got != c.policy {
			t.Errorf("request %d with plan %q: %d, %s", i, c.plan, resp.StatusCode, got)
		}
	}
}

// What answers tell of a limit is in whole seconds, rounded up, and never zero.
func TestLimitHeaders(t *testing.T) {
	start := time.Date(2026, 12, 1, 23, 59, 0, 0, time.UTC)
	rate := gateway.Policy{RateLimit: &gateway.RateLimit{Rate: 100, Per: gateway.Duration(time.Minute), Burst: 2, By: []gateway.CountBy{{Kind: gateway.ByEveryone}}, Keys: 100}}
	quota := gateway.Policy{Quota: &gateway.Quota{Limit: 1, Period: "day", Zone: "UTC", By: []gateway.CountBy{{Kind: gateway.ByEveryone}}, Keys: 100}}
	month := gateway.Policy{Quota: &gateway.Quota{Limit: 1, Period: "month", Zone: "Asia/Kolkata", By: []gateway.CountBy{{Kind: gateway.ByEveryone}}, Keys: 100}}
	for _, c := range []struct {
		name string
		p    gateway.Policy
		code string
		want []string // policy, limit, retry of each request
	}{
		{"rate", rate, "rate_limited", []string{`"calls";q=100;w=60|"calls";r=1;t=1|`, `"calls";q=100;w=60|"calls";r=0;t=2|`, `"calls";q=100;w=60|"calls";r=0;t=1|1`}},
		{"quota", quota, "quota_exceeded", []string{`"calls";q=1;w=86400|"calls";r=0;t=60|`, `"calls";q=1;w=86400|"calls";r=0;t=60|60`}},
		{"month", month, "quota_exceeded", []string{`"calls";q=1;w=2678400|"calls";r=0;t=2572260|`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := start
			h := counting(t, c.p, nil, &now)
			for i, want := range c.want {
				resp := ask(h, get("/"))
				got := resp.Header.Get("RateLimit-Policy") + "|" + resp.Header.Get("RateLimit") + "|" + resp.Header.Get("Retry-After")
				if got != want {
					t.Errorf("request %d: %s, want %s", i, got, want)
				}
				if resp.StatusCode == http.StatusTooManyRequests {
					var p problem
					if err := json.Unmarshal([]byte(body(t, resp)), &p); err != nil || p.Code != c.code || p.Status != 429 {
						t.Errorf("problem %+v, %v", p, err)
					}
				}
			}
		})
	}
	// Two policies are two items, and what the upstream says of its own stays.
	m := withPolicies(t, map[string]gateway.Policy{"a": rate, "b": quota}, "a", "b")
	resp := ask(newHandler(t, m, Options{}), get("/"))
	if got := resp.Header.Values("RateLimit-Policy"); fmt.Sprint(got) != `["b";q=1;w=86400 "a";q=100;w=60]` {
		t.Errorf("policies %v", got)
	}
}

// A limit is one for all routes that name it, and a denial is in the log.
func TestLimitOfSeveralRoutes(t *testing.T) {
	var log logBuffer
	p := limit(gateway.CountBy{Kind: gateway.ByIP})
	m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"calls": {RateLimit: &p}}, Everywhere: []string{"calls"}, Routes: routes(
		gateway.Route{Name: "a", Match: gateway.Match{Path: "/a"}, Respond: &gateway.Respond{Status: 200}},
		gateway.Route{Name: "b", Match: gateway.Match{Path: "/b"}, Respond: &gateway.Respond{Status: 200}})})
	h := newHandler(t, m, Options{Logger: log.logger()})
	if got := ask(h, get("/a")).StatusCode; got != 200 {
		t.Errorf("the first: %d", got)
	}
	resp := ask(h, get("/b"))
	wantProblem(t, resp, 429)
	if lines := log.lines(t, "denied"); len(lines) != 1 || lines[0]["policy"] != "calls" || lines[0]["route"] != "b" {
		t.Errorf("denied: %v", lines)
	}
}

// While there is no store the policy says what is done; and where the store would be is nobody's to read.
func TestLimitWithoutStore(t *testing.T) {
	for on, want := range map[string][2]int{gateway.StoreErrorLocal: {200, 429}, gateway.StoreErrorAllow: {200, 200}, gateway.StoreErrorDeny: {503, 503}} {
		for _, text := range []string{"redis://someone:s3cret@127.0.0.1:1", "s3cret is no URL"} {
			var log logBuffer
			p := limit(gateway.CountBy{Kind: gateway.ByIP})
			p.Shared = &gateway.Shared{Redis: gateway.Redis{URL: "${secret.REDIS_URL}"}, Mode: gateway.ShareStrict, Timeout: ms(50), OnStoreError: on}
			m := withPolicies(t, map[string]gateway.Policy{"calls": {RateLimit: &p}}, "calls")
			h := newHandler(t, m, Options{Logger: log.logger(), Secrets: secret.New(vault{"REDIS_URL": text}, nil)})
			said := ""
			for i, status := range want {
				resp := ask(h, get("/"))
				if resp.StatusCode != status || status == 503 && resp.Header.Get("Retry-After") != "1" {
					t.Errorf("%s: request %d is answered %d, Retry-After %q", on, i, resp.StatusCode, resp.Header.Get("Retry-After"))
				}
				said += body(t, resp) + fmt.Sprint(resp.Header)
			}
			if lines := log.lines(t, "limits are not shared: the store does not answer"); len(lines) != 1 {
				t.Errorf("%s: the log tells of it %d times", on, len(lines))
			}
			for _, s := range []string{"s3cret", "someone", "127.0.0.1"} {
				if strings.Contains(said+log.b.String(), s) {
					t.Errorf("%s: an answer or the log holds %q", on, s)
				}
			}
		}
	}
}

// Policies count in one connection to one server, if they give it the same time.
func TestStoreIsShared(t *testing.T) {
	env := environment{log: (&logBuffer{}).logger(), stores: stores{}, now: time.Now}
	a, err := env.stores.guard(gateway.Redis{Address: "a.example:1"}, ms(50), env)
	if err != nil {
		t.Fatal(err)
	}
	again, err := env.stores.guard(gateway.Redis{Address: "a.example:1"}, ms(50), env)
	if err != nil {
		t.Fatal(err)
	}
	other, err := env.stores.guard(gateway.Redis{Address: "b.example:1"}, ms(50), env)
	if err != nil {
		t.Fatal(err)
	}
	patient, err := env.stores.guard(gateway.Redis{Address: "a.example:1"}, ms(500), env)
	if err != nil {
		t.Fatal(err)
	}
	if a != again || a == other || a == patient {
		t.Error("each server wants one guard for each time")
	}
}

// A binary without the client holds nothing of it, and refuses a model that needs it.
func TestWithoutRedis(t *testing.T) {
	for tags, want := range map[string]bool{"": true, "without_redis": false} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, ".")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(out), "redis/go-redis"); got != want {
			t.Errorf("tags %q: the client is there: %v", tags, got)
		}
	}
}

// Of many requests at once: what is granted is the burst.
func TestLimitConcurrent(t *testing.T) {
	p := gateway.RateLimit{Rate: 1, Per: gateway.Duration(24 * time.Hour), Burst: 25, By: []gateway.CountBy{{Kind: gateway.ByEveryone}}, Keys: 100}
	h := newHandler(t, withPolicies(t, map[string]gateway.Policy{"calls": {RateLimit: &p}}, "calls"), Options{})
	got := make(chan int, 200)
	for range cap(got) {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, get("/"))
			got <- w.Code
		}()
	}
	n := 0
	for range cap(got) {
		if <-got == 200 {
			n++
		}
	}
	if n != 25 {
		t.Errorf("%d granted, want 25", n)
	}
}
