package ratelimittest

import (
	"testing"
	"time"

	"polygate.example/shared/ratelimit"
)

// Suite is what every store has to do. pass lets time pass in the store, or waits for it; exact says that no other time passes in it.
func Suite(t *testing.T, s ratelimit.Store, pass func(time.Duration), exact bool) {
	t.Helper()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	const second = int64(time.Second)
	apply := func(op ratelimit.Op) ratelimit.Result {
		t.Helper()
		res, err := s.Apply(t.Context(), []ratelimit.Op{op}, nil)
		if err != nil || len(res) != 1 {
			t.Fatalf("%+v: %v, %v", op, res, err)
		}
		return res[0]
	}
	// Of a rate what is spent drains meanwhile: in a store whose time goes on it may be less by as much as a slow test takes.
	want := func(what string, got, want ratelimit.Result) {
		t.Helper()
		slack := int64(0)
		if !exact {
			slack = 60 * second
		}
		if got.Allowed != want.Allowed || got.Spent > want.Spent || got.Spent < want.Spent-slack {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	// A request costs 100 s of 300.
	rate := ratelimit.Op{Rate: true, Cost: 100 * second, Capacity: 300 * second}
	take := func(key string) ratelimit.Result {
		op := rate
		op.Key, op.Take = key, true
		return apply(op)
	}
	{ // take
		for i := range int64(3) {
			want("there is room", take("a"), ratelimit.Result{Allowed: true, Spent: (i + 1) * 100 * second})
		}
		want("there is none", take("a"), ratelimit.Result{Spent: 300 * second})
		want("another key", take("b"), ratelimit.Result{Allowed: true, Spent: 100 * second})
	}
	{ // add
		op := rate
		op.Key, op.Count = "c", 5
		want("more than there is room for", apply(op), ratelimit.Result{Spent: 500 * second})
		op.Count = 0
		want("only asking", apply(op), ratelimit.Result{Spent: 500 * second})
		op.Key, op.Count, op.Age = "d", 2, 150*time.Second
		want("a while ago", apply(op), ratelimit.Result{Spent: 50 * second})
		op.Count = 1
		want("and one more, not as old as what was there", apply(op), ratelimit.Result{Spent: 150 * second})
	}
	{ // raise
		op := rate
		op.Key, op.Floor = "e", 250*second
		want("of nothing", apply(op), ratelimit.Result{Spent: 250 * second})
		op.Floor = 200 * second
		want("there is more", apply(op), ratelimit.Result{Spent: 250 * second})
		op.Take = true
		want("no room then", apply(op), ratelimit.Result{Spent: 250 * second})
	}
	{ // drain
		op := ratelimit.Op{Key: "f", Rate: true, Cost: int64(200 * time.Millisecond), Capacity: int64(200 * time.Millisecond), Take: true}
		if !apply(op).Allowed {
			t.Error("the first is refused")
		}
		pass(300 * time.Millisecond)
		if !apply(op).Allowed {
			t.Error("refused after it has drained")
		}
	}
	{ // quota
		op := ratelimit.Op{Key: "q", Cost: 1, Capacity: 3, Count: 1, Take: true, Keep: time.Hour}
		want("one granted before, one more", apply(op), ratelimit.Result{Allowed: true, Spent: 2})
		op.Count = 0
		want("the last", apply(op), ratelimit.Result{Allowed: true, Spent: 3})
		want("none left", apply(op), ratelimit.Result{Spent: 3})
		op.Floor = 7
		want("more is known", apply(op), ratelimit.Result{Spent: 7})
	}
	{ // many
		ops := make([]ratelimit.Op, 500)
		for i := range ops {
			ops[i] = ratelimit.Op{Key: "many", Cost: 1, Capacity: 400, Take: true, Keep: time.Hour}
		}
		res, err := s.Apply(t.Context(), ops, nil)
		if err != nil || len(res) != len(ops) {
			t.Fatal(len(res), err)
		}
		for i, r := range res {
			if r.Allowed != (i < 400) {
				t.Fatalf("operation %d: %+v", i, r)
			}
		}
	}
	for _, n := range []int{1, 3} { // sent
		called := 0
		if _, err := s.Apply(t.Context(), make([]ratelimit.Op, n), func() { called++ }); err != nil || called != 1 {
			t.Errorf("%d operations: sent is called %d times: %v", n, called, err)
		}
	}
}
