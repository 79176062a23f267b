package failover

import (
	"errors"
	"io"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
	"polygate.example/tools/client"
)

// TestFailover loses regions and providers one after another and holds every step against the computed bound.
func TestFailover(t *testing.T) {
	env := harnesstest.New(t, harness.Options{})
	harnesstest.Must(t, env, "up")
	report, err := Run(t.Context(), env, Steps(), func(o Outcome) { t.Logf("%+v", o) })
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

// TestJudge shows that the run fails when it should: each row is a log of requests, and the problem that must be seen in it.
// A client that a row does not speak of got a right answer when the step began, and is out at its end when everybody is.
func TestJudge(t *testing.T) {
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	req := func(client int, begun, done float64, v Verdict) Request {
		return Request{Client: client, begun: at(begun), done: at(done), Verdict: v}
	}
	for _, c := range []struct {
		name     string
		step     Step
		log      []Request
		detected float64
		problem  string
	}{
		{"recovers in time", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Right)}, 15, ""},
		{"recovers too late", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 63, 63, Right)}, 15, "recovered after 63.0 s, the bound is 62 s"},
		{"recovers twice, the second time too late", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Right), req(0, 6, 6, Lost), req(0, 63, 63, Right)}, 15, "recovered after 63.0 s, the bound is 62 s"},
		{"asked in time, answered too late", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 61, 64, Right)}, 15, "recovered after 64.0 s, the bound is 62 s"},
		{"one client stays out", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Right), req(1, 2, 2, Lost)}, 15, "clients [1] never recovered"},
		{"wrong answer", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 5, 5, Wrong)}, 15, "1 wrong answers"},
		{"wrong answer amid right ones", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 4, 4, Wrong), req(0, 5, 5, Right)}, 15, "1 wrong answers"},
		{"wrong answer when nothing is wrong", Step{Lossless: true}, []Request{req(2, 1, 1, Wrong)}, 0, "1 wrong answers"},
		{"wrong answer from the dead", Step{Nobody: true}, []Request{req(0, 1, 1, Wrong), req(0, 2, 2, Lost)}, 15, "1 wrong answers"},
		{"a fault that did nothing", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Right)}, 15, "no request was lost: the fault did not land"},
		{"loss where none may be", Step{Lossless: true}, []Request{req(0, 1, 1, Lost), req(0, 2, 2, Right)}, 0, "1 requests lost, want none"},
		{"everything is down", Step{Nobody: true}, nil, 21, ""},
		{"everything is down, and DNS is late", Step{Nobody: true}, nil, 32.5, "DNS changed after 32.5 s, the bound of detection is 32 s"},
		{"DNS is in time", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 62, 62, Right)}, 32, ""},
		{"DNS is late, and every client lucky", Step{Fail: []string{"x"}}, []Request{req(0, 1, 1, Lost), req(0, 33, 33, Right)}, 32.1, "DNS changed after 32.1 s, the bound of detection is 32 s"},
		{"what is healed comes back late", Step{Heal: []string{"x"}}, nil, 40, "DNS changed after 40.0 s, the bound of detection is 32 s"},
		{"answers from the dead", Step{Nobody: true}, []Request{req(0, 1, 1, Lost), req(0, 63, 63, Right), req(0, 64, 64, Lost)}, 15, "1 requests were answered though everything is down"},
		{"one client is served by the dead", Step{Nobody: true}, []Request{req(3, 1, 1, Lost), req(3, 30, 30, Right)}, 15, "everything is down, and not every client noticed"},
		{"one client is silent", Step{Lossless: true}, []Request{req(3, -9, -8, Right)}, 0, "clients [3] sent nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &watcher{status: harness.Status{BoundSeconds: 62, Speed: 1}}
			for _, r := range c.log {
				w.log[r.Client] = append(w.log[r.Client], r)
			}
			for client := range clients {
				if len(w.log[client]) > 0 {
					continue
				}
				w.log[client] = []Request{req(client, 0.1, 0.1, Right)}
				if c.step.Nobody {
					w.log[client] = append(w.log[client], req(client, 900, 900, Lost))
				}
			}
			o := Outcome{Detect: 32, Bound: 62, Detected: c.detected, start: start, end: at(1000)}
			w.judge(&o, c.step)
			if o.Problem != c.problem {
				t.Errorf("problem %q, want %q", o.Problem, c.problem)
			}
		})
	}
}

// TestVerdict: a right answer is one that is about what was asked, and nothing else passes for one.
func TestVerdict(t *testing.T) {
	const path = "/echo/client-1/request-7?x=7"
	for _, c := range []struct {
		name string
		res  client.Result
		err  error
		want Verdict
	}{
		{"the answer", client.Result{Status: 200, Body: []byte(`{"method":"GET","uri":"` + path + `"}`)}, nil, Right},
		{"the answer to another request", client.Result{Status: 200, Body: []byte(`{"uri":"/echo/client-1/request-6?x=6"}`)}, nil, Wrong},
		{"the answer to another client", client.Result{Status: 200, Body: []byte(`{"uri":"/echo/client-2/request-7?x=7"}`)}, nil, Wrong},
		{"half an answer", client.Result{Status: 200, Body: []byte(`{"uri":"` + path)}, nil, Wrong},
		{"no echo", client.Result{Status: 200, Body: []byte("<html>It works!</html>")}, nil, Wrong},
		{"an empty one", client.Result{Status: 200}, nil, Wrong},
		{"another status", client.Result{Status: 202, Body: []byte(`{"uri":"` + path + `"}`)}, nil, Wrong},
		{"a redirect", client.Result{Status: 302}, nil, Wrong},
		{"somebody else's name", client.Result{Status: 404}, nil, Wrong},
		{"refused at the front", client.Result{Status: 503}, nil, Lost},
		{"no connection", client.Result{}, errors.New("connection refused"), Lost},
		{"cut short", client.Result{Status: 200, Body: []byte(`{"uri":"` + path + `"}`)}, io.ErrUnexpectedEOF, Lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, why := verdict(c.res, c.err, path); got != c.want || (why == "") != (got == Right) {
				t.Errorf("%s (%s), want %s", got, why, c.want)
			}
		})
	}
}
