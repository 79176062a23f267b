package failover

import (
	"context"
	"testing"
	"time"

	"polygate.example/tests/harness"
)

// TestFailover loses regions and providers one after another and holds every step against the computed bound.
func TestFailover(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	env, err := harness.New(ctx, harness.Options{Document: harness.EchoDocument, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t.Context has ended by now.
		if err := env.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := env.Must(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	report, err := Run(ctx, env, Steps(), func(o Outcome) { t.Logf("%+v", o) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Failed() {
		t.Error(f)
	}
	if got, want := len(report.Steps), len(Steps()); got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
}

// TestJudge shows that the run fails when it should: each row is a log of requests and the problem that must be seen in it.
func TestJudge(t *testing.T) {
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	req := func(client int, begun, done float64, v Verdict) Request {
		return Request{Client: client, begun: at(begun), done: at(done), Verdict: v}
	}
	for _, c := range []struct {
		name    string
		step    Step
		log     []Request
		problem string
	}{
		{"recovers in time", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Right)}, ""},
		{"recovers too late", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 63, 63, Right)}, "recovered after 63.0 s, the bound is 62 s"},
		{"one client stays out", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Right), req(1, 2, 2, Lost)}, "client 1 never recovered"},
		{"wrong answer", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Wrong)}, "client 0 never recovered"},
		{"wrong answer amid right ones", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 4, 4, Wrong), req(0, 5, 5, Right)}, "1 wrong answers"},
		{"a fault that did nothing", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Right)}, "no request was lost: the fault did not land"},
		{"loss where none may be", Step{Lossless: true}, []Request{req(0, 1, 1, Lost), req(0, 2, 2, Right)}, "1 requests lost, want none"},
		{"answers from the dead", Step{Nobody: true}, []Request{req(0, 1, 1, Lost), req(0, 63, 63, Right)}, "1 requests were answered though everything is down"},
		{"silence", Step{Lossless: true}, nil, "the clients sent nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &watcher{status: harness.Status{BoundSeconds: 62, Speed: 1}}
			for _, r := range c.log {
				w.log[r.Client] = append(w.log[r.Client], r)
			}
			o := Outcome{Bound: 62, start: start, end: at(1000)}
			w.judge(&o, c.step)
			if o.Problem != c.problem {
				t.Errorf("problem %q, want %q", o.Problem, c.problem)
			}
		})
	}
}
