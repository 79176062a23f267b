package handler

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

func hashed(t testing.TB, password string, cost int) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func login(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestBasic(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	hash := hashed(t, "correct horse", 8)
	users := []gateway.User{
		{User: "ada", Bcrypt: hash, Holder: gateway.Holder{Plan: "gold"}},
		{User: "müller", Bcrypt: "$2y$" + strings.TrimPrefix(hashed(t, "pässwörd:mit:Doppelpunkt", 8), "$2a$")},
		{User: "old", Bcrypt: hash, Holder: gateway.Holder{Expires: "2026-11-30T00:00:00Z"}},
		{User: "long", Bcrypt: hashed(t, strings.Repeat("x", 72), 8)},
	}
	for _, c := range []struct {
		name     string
		optional bool
		lines    []string
		want     int
		consumer string
	}{
		{"right", false, []string{login("ada", "correct horse")}, 200, "ada"},
		{"right, beyond ASCII, with colons, $2y$", false, []string{login("müller", "pässwörd:mit:Doppelpunkt")}, 200, "m%C3%BCller"},
		{"scheme in lower case", false, []string{strings.Replace(login("ada", "correct horse"), "Basic", "basic", 1)}, 200, "ada"},
		{"wrong password", false, []string{login("ada", "correct")}, 401, ""},
		{"empty password", false, []string{login("ada", "")}, 401, ""},
		{"unknown user", false, []string{login("eve", "correct horse")}, 401, ""},
		{"user of another case", false, []string{login("Ada", "correct horse")}, 401, ""},
		{"the hash itself", false, []string{login("ada", hash)}, 401, ""},
		{"expired", false, []string{login("old", "correct horse")}, 401, ""},
		{"72 bytes", false, []string{login("long", strings.Repeat("x", 72))}, 200, "long"},
		{"72 bytes and more, which bcrypt would not see", false, []string{login("long", strings.Repeat("x", 73))}, 401, ""},
		{"no base64", false, []string{"Authorization: Basic ada:correct horse"}, 401, ""},
		{"no colon", false, []string{"Authorization: Basic YWRh"}, 401, ""},
		{"no credentials", false, []string{"Authorization: Basic"}, 401, ""},
		{"two headers", false, []string{login("ada", "correct horse"), login("ada", "correct horse")}, 401, ""},
		{"joined by a front", false, []string{login("ada", "correct horse") + ", " + strings.TrimPrefix(login("ada", "correct horse"), "Authorization: ")}, 401, ""},
		{"none", false, nil, 401, ""},
		{"another scheme", false, []string{"Authorization: Bearer x"}, 401, ""},
		{"optional, none", true, nil, 200, ""},
		{"optional, another scheme", true, []string{"Authorization: Bearer x"}, 200, ""},
		{"optional, two schemes", true, []string{"Authorization: Bearer x", login("ada", "correct horse")}, 401, ""},
		{"optional, wrong", true, []string{login("ada", "wrong")}, 401, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := &logBuffer{}
			h, got := keyed(t, gateway.Policy{Basic: &gateway.Basic{Realm: "Reports", Users: users, Optional: c.optional, ForwardAs: forwarded}},
				Options{Logger: log.logger(), Now: func() time.Time { return now }})
			resp := ask(h, with("/", append(c.lines, "X-Consumer: root")...))
			if resp.StatusCode != c.want {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.want)
			}
			if c.want == 401 {
				if challenge := resp.Header.Get("Www-Authenticate"); challenge != `Basic realm="Reports", charset="UTF-8"` {
					t.Errorf("challenge %q", challenge)
				}
				if text := log.b.String(); strings.Contains(text, "correct") || strings.Contains(text, "$2") {
					t.Errorf("a password is in the log: %s", text)
				}
				return
			}
			if who := (*got).header.Get("X-Consumer"); who != c.consumer {
				t.Errorf("consumer %q, want %q", who, c.consumer)
			}
			if sent := (*got).header.Get("Authorization"); strings.HasPrefix(sent, "Basic") || strings.HasPrefix(sent, "basic") {
				t.Errorf("the password went upstream: %q", sent)
			}
		})
	}
}

func TestBasicForward(t *testing.T) {
	h, got := keyed(t, gateway.Policy{Basic: &gateway.Basic{Realm: "r", Forward: true, Users: []gateway.User{{User: "ada", Bcrypt: hashed(t, "pw", 8)}}}}, Options{})
	if resp := ask(h, with("/", login("ada", "pw"))); resp.StatusCode != 200 || (*got).header.Get("Authorization") != strings.TrimPrefix(login("ada", "pw"), "Authorization: ") {
		t.Errorf("status %d, upstream saw %v", resp.StatusCode, (*got).header)
	}
}

// Users of a secret and of a variable are as good as those of the document, which go first; a changed hash ends what was known of the one before.
func TestBasicSources(t *testing.T) {
	one, two := hashed(t, "one", 8), hashed(t, "two", 8)
	p := &basic{env: environment{name: "who", now: time.Now, secrets: secret.New(vault{"LIST": one + " carol gold a,b\n" + one + " ada"}, nil)}, users: noUsers(), verified: newVerified(), turns: &turns{taken: make(chan struct{}, 1)}}
	if err := p.users.add(gateway.Listed{Credential: two, Holder: gateway.Holder{Consumer: "ada"}}, "who"); err != nil {
		t.Fatal(err)
	}
	p.list = &secretList[users]{name: "LIST", env: p.env, compile: p.compile}
	check := func(name, password string, want bool) {
		t.Helper()
		if u, err := p.verify(t.Context(), name, password); err != nil || (u != nil) != want {
			t.Errorf("%s with %s: %v, %v", name, password, u, err)
		}
	}
	check("carol", "one", true)
	check("carol", "one", true) // remembered
	check("carol", "two", false)
	check("ada", "two", true)
	check("ada", "one", false)
	p.list.env.secrets = secret.New(vault{"LIST": two + " carol"}, nil)
	check("carol", "one", false)
	check("carol", "two", true)

	m := withPolicies(t, map[string]gateway.Policy{"who": {Basic: &gateway.Basic{Realm: "r", Variable: "USERS", Users: []gateway.User{{User: "ada", Bcrypt: two}}}}}, "who")
	for text, want := range map[string]string{one + " ada": `user "ada" is known`, "hush ada": "line 1: its credential is no bcrypt hash",
		one + " b\n" + two + " b": "line 2: it repeats line 1", strings.Replace(one, "$08$", "$04$", 1) + " c": "has the cost 04: want 8 to 14"} {
		if _, err := New(m, Options{Getenv: func(string) string { return text }}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
	h := newHandler(t, m, Options{Getenv: func(string) string { return one + " bob" }})
	if resp := ask(h, with("/", login("bob", "one"))); resp.StatusCode != 200 {
		t.Errorf("a user of the variable: %d", resp.StatusCode)
	}
}

// What does not match costs as many rounds as the dearest hash, whoever it was for: nobody's hash of its cost, or the user's own and what is missing.
func TestBasicCostsTheSame(t *testing.T) {
	for cost := gateway.MinBcryptCost; cost <= gateway.MaxBcryptCost; cost++ {
		if got, err := bcrypt.Cost(nobodysHash(cost)); err != nil || got != cost {
			t.Errorf("nobody's hash of cost %d: %d, %v", cost, got, err)
		}
	}
	if err := bcrypt.CompareHashAndPassword(nobodysHash(8), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("nobody's hash is not compared: %v", err)
	}
	rounds := func(hash string, cost int) int {
		sum := 0
		if matches(func(hash, password []byte) error {
			cost, err := bcrypt.Cost(hash)
			if err != nil || string(password) != "wrong" {
				t.Errorf("%s, %v", password, err)
			}
			sum += 1 << cost
			return bcrypt.ErrMismatchedHashAndPassword
		}, hash, "wrong", cost, 12) {
			t.Error("it matches")
		}
		return sum
	}
	for cost := gateway.MinBcryptCost; cost <= 12; cost++ {
		if got := rounds(string(nobodysHash(cost)), cost); got != 1<<12 {
			t.Errorf("a wrong password for a hash of cost %d takes %d rounds, want %d", cost, got, 1<<12)
		}
	}
	if got := rounds("", 0); got != 1<<12 {
		t.Errorf("a name that nobody has takes %d rounds, want %d", got, 1<<12)
	}
}

func TestVerified(t *testing.T) {
	v, now := newVerified(), time.Unix(1_800_000_000, 0)
	v.add("ada", "pw", "hash", now)
	for _, c := range []struct {
		name, password, hash string
		at                   time.Time
		want                 bool
	}{
		{"ada", "pw", "hash", now, true},
		{"ada", "pw", "hash", now.Add(verifiedFor - time.Second), true},
		{"ada", "pw", "hash", now.Add(verifiedFor), false},
		{"ada", "pw", "other", now, false},
		{"ad", "apw", "hash", now, false},
		{"bob", "pw", "hash", now, false},
	} {
		if got := v.has(c.name, c.password, c.hash, c.at); got != c.want {
			t.Errorf("%s %s %s at %s: %v", c.name, c.password, c.hash, c.at, got)
		}
	}
	for i := range 3 * maxVerified {
		v.add(fmt.Sprint(i), "pw", "hash", now)
	}
	if len(v.until) != maxVerified {
		t.Errorf("%d are remembered", len(v.until))
	}
	if !v.has(fmt.Sprint(3*maxVerified-1), "pw", "hash", now) {
		t.Error("the last one is not")
	}
	if newVerified().key == v.key {
		t.Error("two processes have one key")
	}
}

// Guesses wait for their turn, and no longer than their client does.
func TestBasicTurns(t *testing.T) {
	p := &basic{env: environment{name: "who", now: time.Now}, users: noUsers(), verified: newVerified(), turns: &turns{taken: make(chan struct{}, 1)}}
	p.turns.taken <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.verify(ctx, "eve", "guess"); !errors.Is(err, errNoTurn) {
		t.Errorf("%v", err)
	}
	w := ask(identify(p.wrap(http.NotFoundHandler()), ""), with("/", login("eve", "guess")).WithContext(ctx))
	wantProblem(t, w, 503)
}

// Guesses of many clients are not many guesses to wait for: what is too much is told so at once, and no password is tested for it.
func TestBasicBusy(t *testing.T) {
	for cost, waiting := range map[int]int{8: 64, 10: 16, 14: 1} {
		p := &basic{env: guarding("who", slog.New(slog.DiscardHandler)), verified: newVerified(), turns: &turns{taken: make(chan struct{}, 1)}}
		p.env.now = time.Now
		p.users = users{known: map[string]user{}, dearest: cost}
		p.turns.taken <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		guess := func(ctx context.Context) { _, err := p.verify(ctx, "eve", "guess"); left <- err }
		for range waiting {
			go guess(ctx)
		}
		for deadline := time.Now().Add(10 * time.Second); p.turns.waiting.Load() < int64(waiting); runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("cost %d: %d wait, want %d", cost, p.turns.waiting.Load(), waiting)
			}
		}
		short, done := context.WithTimeout(ctx, 2*time.Second) // it would wait if it were let in
		w := ask(identify(p.wrap(http.NotFoundHandler()), ""), with("/", login("eve", "guess")).WithContext(short))
		done()
		if wantProblem(t, w, 503); w.Header.Get("Retry-After") != "1" {
			t.Errorf("cost %d: to try again after %q", cost, w.Header.Get("Retry-After"))
		}
		cancel()
		for range waiting {
			if err := <-left; !errors.Is(err, errNoTurn) {
				t.Errorf("cost %d: %v", cost, err)
			}
		}
		if n := p.turns.waiting.Load(); n != 0 {
			t.Errorf("cost %d: %d wait for ever", cost, n)
		}
		<-p.turns.taken // there is a turn again
		if u, err := p.verify(t.Context(), "eve", strings.Repeat("x", maxPassword)); u != nil || err != nil || len(p.turns.taken) != 0 {
			t.Errorf("cost %d: %v, %v, and %d turns are not given back", cost, u, err, len(p.turns.taken))
		}
	}
}
