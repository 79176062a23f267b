package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/prober"
	"polygate.example/tools/internal/report"
)

// seriesOf is what clients saw from the fault on, a line for each: a request each second, which region two answered (.), region one did (o),
// nobody did (x), or that was not sent (-). For ten seconds before it region one had answered all of them. It is mended when the longest line
// ends, and five more seconds are watched.
func seriesOf(lines ...string) recording {
	const before, after = 10, 5
	longest := 0
	for _, line := range lines {
		longest = max(longest, len(line))
	}
	r := recording{
		begun: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), speed: 1, affected: []string{one}, target: 99.9, ttl: s(10),
		ordered: s(before), broken: s(before), mending: s(before + longest), mended: s(before + longest), end: s(before + longest + after),
		lead: func(targets []string) []string { return targets },
	}
	for c, line := range lines {
		r.clients = append(r.clients, prober.Client{})
		for i, what := range strings.Repeat("o", before) + line {
			sample := prober.Sample{Client: c, At: s(i), Took: 100 * time.Millisecond, Region: two, Attempts: 1, Status: 200}
			switch what {
			case 'o':
				sample.Region = one
			case 'x':
				sample.Region, sample.Err, sample.Status = "", prober.Connect, 0
			case '-':
				sample.Region, sample.Err, sample.Status, sample.Attempts = "", prober.Missed, 0, 0
			}
			r.samples = append(r.samples, sample)
		}
	}
	return r
}

// n repeats a request, or a pattern of them.
func n(times int, what string) string { return strings.Repeat(what, times) }

// each is a line for each of some clients.
func each(clients int, line string) []string { return slices.Repeat([]string{line}, clients) }

// What is an outage, what is a second one, and what is a loss outside: never kinder than the truth, and no harder than the objective.
func TestOutages(t *testing.T) {
	well := n(100, ".")
	for name, c := range map[string]struct {
		lines    []string
		bound    float64 // 0: 30 s
		target   float64 // 0: 99.9 %
		rto      float64 // seconds; -1: it was not over
		outages  int
		second   int
		outside  int // lost
		verdict  Verdict
		because  string
		lossless bool
	}{
		"nothing is lost": {lines: each(3, well), verdict: Pass},
		"an outage":       {lines: each(3, n(20, "x")+n(80, ".")), rto: 20.1, outages: 1, verdict: Pass},
		"one request is lost long after it": {lines: []string{n(20, "x") + n(60, ".") + "x" + n(19, "."), n(5, "x") + n(95, ".")},
			rto: 20.1, outages: 1, outside: 1, verdict: Pass, because: "after 20.1 s of at most 30 s; 1 request was lost outside outages, within the objective of 99.9 %"},
		"one is lost within a TTL of its end, and beyond the bound": {lines: each(1, n(20, "x")+n(11, ".")+"x"+n(30, ".")), bound: 25, rto: 20.1, outages: 1, outside: 1, verdict: Pass},
		"one is lost of a client that was never without answers":    {lines: []string{n(20, "x") + n(80, "."), n(50, ".") + "x" + n(49, ".")}, rto: 20.1, outages: 1, outside: 1, verdict: Pass},
		"one is lost as the last one before it is mended":           {lines: []string{n(20, "x") + n(79, ".") + "x"}, rto: 20.1, outages: 1, outside: 1, verdict: Pass},
		"one is lost though none may be":                            {lines: []string{well, n(50, ".") + "x" + n(49, ".")}, lossless: true, outside: 1, verdict: Pass, because: "no client was without an answer, and all had moved after 0.0 s of at most 30 s; 1 request was lost outside"},
		"two are lost though none may be":                           {lines: []string{well, n(50, ".") + "xx" + n(48, ".")}, lossless: true, rto: 52.1, outages: 1, verdict: Fail, because: "after 52.1 s, the limit is 30 s"},

		"whoever loses one when the fault comes was without answers": {lines: each(3, "x"+n(99, ".")), rto: 1.1, outages: 1, verdict: Pass},
		"a right answer within it does not end it":                   {lines: each(1, n(20, "x")+"."+n(20, "x")+n(59, ".")), rto: 41.1, outages: 1, verdict: Fail, because: "after 41.1 s, the limit is 30 s"},
		"nor do nine of them":                                        {lines: each(1, n(20, "x")+n(9, ".")+"x"+n(70, ".")), bound: 25, rto: 30.1, outages: 1, verdict: Fail, because: "after 30.1 s, the limit is 25 s"},
		"two losses within a TTL are more than a stray one":          {lines: each(1, n(20, "x")+n(11, ".")+"x"+n(5, ".")+"x"+n(62, ".")), bound: 25, rto: 20.1, outages: 2, second: 1, verdict: Fail, because: "another outage 31.0 s after the fault, for 7.1 s, took 2 requests"},
		"it goes on": {lines: []string{n(100, "x"), n(5, "x") + n(95, ".")}, rto: -1, outages: 1, verdict: Fail, because: "never had an answer again"},
		"half of the requests are lost to the end":                    {lines: each(3, n(50, "x.")), rto: 99.1, outages: 1, verdict: Fail, because: "after 99.1 s"},
		"the survivor loses every third":                              {lines: each(3, n(20, "x")+n(26, "..x")+".."), rto: 98.1, outages: 1, verdict: Fail, because: "after 98.1 s"},
		"the survivor loses one of 12, and no client two in a TTL":    {lines: each(3, n(20, "x")+n(7, n(11, ".")+"x")), rto: 20.1, outages: 1, outside: 21, verdict: Fail, because: "lost outside outages: 21 of"},
		"the survivor loses one of each client at once":               {lines: each(16, n(20, "x")+n(50, ".")+"x"+n(29, ".")), rto: 20.1, outages: 1, outside: 16, verdict: Fail, because: "16 of 1280 requests; the objective of 99.9 % allows 1"},
		"it flaps until the bound is over":                            {lines: each(3, n(5, "x")+n(15, ".")+n(5, "x")+n(75, ".")), rto: 25.1, outages: 2, verdict: Pass},
		"it flaps, and the bound is over in the midst of it":          {lines: each(3, n(5, "x")+n(15, ".")+n(15, "x")+n(65, ".")), rto: 35.1, outages: 2, verdict: Fail, because: "after 35.1 s, the limit is 30 s"},
		"it flaps when the bound is over":                             {lines: each(3, n(5, "x")+n(40, ".")+n(5, "x")+n(50, ".")), rto: 5.1, outages: 2, second: 1, verdict: Fail, because: "no second outage: another outage 45.0 s after the fault, for 5.1 s, took 15 requests"},
		"it flaps for one client only":                                {lines: []string{n(20, "x") + n(80, "."), n(5, "x") + n(40, ".") + "xx" + n(53, ".")}, rto: 20.1, outages: 2, second: 1, verdict: Fail, because: "no second outage"},
		"it comes again and stays":                                    {lines: each(3, n(5, "x")+n(60, ".")+n(35, "x")), rto: 5.1, outages: 2, second: 1, verdict: Fail, because: "which was not over when it was mended"},
		"clients fall out one after the other":                        {lines: []string{n(8, "x") + n(92, "."), n(12, ".") + n(8, "x") + n(80, "."), n(24, ".") + n(8, "x") + n(68, ".")}, rto: 32.1, outages: 1, verdict: Fail, because: "after 32.1 s, the limit is 30 s"},
		"the first one begins when the bound is over":                 {lines: each(3, n(60, ".")+n(5, "x")+n(35, ".")), rto: 65.1, outages: 1, verdict: Fail, because: "after 65.1 s, the limit is 30 s"},
		"a lower objective lets more be lost":                         {lines: each(16, n(20, "x")+n(50, ".")+"x"+n(29, ".")), target: 98, rto: 20.1, outages: 1, outside: 16, verdict: Pass},
		"what was not sent is no loss":                                {lines: each(3, n(20, "x")+n(30, ".")+n(5, "-")+n(45, ".")), rto: 20.1, outages: 1, verdict: Pass},
		"a client that is seldom asked is not answered after one try": {lines: each(1, n(15, "-")+"x"+n(15, "-")+"."+n(15, "-")+"x"+n(15, "-")+"."+n(15, "-")+".o"), rto: 63.1, outages: 1, verdict: Fail, because: "after 63.1 s"},
	} {
		t.Run(name, func(t *testing.T) {
			r := seriesOf(c.lines...)
			if c.target > 0 {
				r.target = c.target
			}
			bound := 30.0
			if c.bound > 0 {
				bound = c.bound
			}
			o := judgedRun(r, nil, Expected{Bound: bound, Lossless: c.lossless}, 0)
			run := o.Runs[0]
			second := 0
			for _, x := range run.Outages {
				if x.Second {
					second++
				}
			}
			if value(run.Derived.RTO) != c.rto || len(run.Outages) != c.outages || second != c.second || run.Outside.Lost != c.outside {
				t.Errorf("recovery after %.1f s, %d outages of which %d second ones, %d lost outside; want %.1f s, %d, %d, %d\n%+v", value(run.Derived.RTO), len(run.Outages), second,
					run.Outside.Lost, c.rto, c.outages, c.second, c.outside, run.Outages)
			}
			if o.Verdict != c.verdict || !strings.Contains(o.Because, c.because) {
				t.Errorf("%s: %s, want %s: …%s…", o.Verdict, o.Because, c.verdict, c.because)
			}
		})
	}
}

// An answer that came when it was being mended proves nothing.
func TestSavedByMending(t *testing.T) {
	r := seriesOf(n(99, "x") + ".")
	if d := r.run().Derived; value(d.RTO) != 99.1 {
		t.Errorf("recovery after %.1f s, want 99.1 s: it was answered before", value(d.RTO))
	}
	r.samples[109].Took = 2 * time.Second
	if d := r.run().Derived; d.RTO != nil {
		t.Errorf("recovery after %.1f s, want none", *d.RTO)
	}
}

// A client is led away when the last request was that an affected region or the outage took: one that is lost on the way to a survivor is no proof
// of the contrary, nor is one that an affected region answers when it was mended meanwhile.
func TestLedAway(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		moved float64
	}{
		"one is lost long after":              {each(2, n(20, "x")+n(60, ".")+"x"+n(19, ".")), 19},
		"one is led there long after":         {each(2, n(20, "x")+n(60, ".")+"o"+n(19, ".")), 80},
		"an outage comes again":               {each(2, n(20, "x")+n(60, ".")+"xx"+n(18, ".")), 81},
		"all are led there when it is mended": {each(2, n(20, "x")+n(79, ".")+"o"), -1},
	} {
		t.Run(name, func(t *testing.T) {
			if d := seriesOf(c.lines...).run().Derived; value(d.Moved) != c.moved {
				t.Errorf("led away after %.1f s, want %.1f s", value(d.Moved), c.moved)
			}
		})
	}
	t.Run("the answer comes when it is mended", func(t *testing.T) {
		r := seriesOf(n(20, "x") + n(79, ".") + "o")
		r.samples[109].Took = 2 * time.Second
		if d := r.run().Derived; value(d.Moved) != 19 {
			t.Errorf("led away after %.1f s, want 19 s", value(d.Moved))
		}
	})
}

// At thousands of requests a second an objective leaves more than one of them, and no more than that.
func TestOutagesAtRate(t *testing.T) {
	series := func(spare int) recording {
		r := seriesOf("")
		r.samples, r.mending, r.mended, r.end = nil, s(60), s(60), s(61)
		left := spare
		for i := range 60 * 1000 { // from 10 s to 15 s nobody answers; from 20 s on every 300th request is lost while there are some to spare
			sample := prober.Sample{At: time.Duration(i) * time.Millisecond, Took: 100 * time.Microsecond, Region: two}
			if i < 10_000 {
				sample.Region = one
			}
			if i >= 10_000 && i < 15_000 || i >= 20_000 && i%300 == 0 && left > 0 {
				sample.Region, sample.Err = "", prober.Body
				if i >= 20_000 {
					left--
				}
			}
			r.samples = append(r.samples, sample)
		}
		return r
	}
	few := series(10).run() // of 10,000 in a TTL of 10 s
	if value(few.Derived.RTO) != 5 || few.Outside.Lost != 10 || few.Outside.Allowed != 45 {
		t.Errorf("recovery after %.3f s, %+v; want 5 s, and 10 of 45 allowed lost outside", value(few.Derived.RTO), few.Outside)
	}
	near := series(0)
	for i := 18_000; i < 18_600; i += 30 { // twenty in the TTL that is to end the outage
		near.samples[i].Region, near.samples[i].Err = "", prober.Body
	}
	if run := near.run(); value(run.Derived.RTO) != 8.271 || len(run.Outages) != 1 || run.Outside.Lost != 10 {
		t.Errorf("recovery after %.3f s, %+v; want it from when ten of them were left, which the objective allows of a TTL", value(run.Derived.RTO), run.Outages)
	}
	many := judgedRun(series(100), nil, Expected{Bound: 8}, 0)
	if many.Verdict != Fail {
		t.Errorf("%s: %s; want it failed: every 300th request was lost", many.Verdict, many.Because)
	}
}

// A request that is lost while the cloud takes its time over the order is not the fault, and what comes of the order is.
func TestFaultAfterAStrayLoss(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want time.Duration
	}{
		"nothing is lost before":  {n(30, "o") + n(10, "x") + n(20, "."), s(40)},
		"one is, and ten are not": {n(5, "o") + "x" + n(24, "o") + n(10, "x") + n(20, "."), s(40)},
		"two are":                 {n(5, "o") + "xoox" + n(21, "o") + n(10, "x") + n(20, "."), s(15)},
		"it is felt before":       {n(20, "o") + n(20, "x") + n(20, "."), s(30)},
		"one, and it is mended":   {n(29, "o") + "xooo", s(39)},
	} {
		t.Run(name, func(t *testing.T) {
			r := seriesOf(c.line)
			r.broken = s(41)
			if got := r.fault(); got != c.want {
				t.Errorf("from %s, want %s", got, c.want)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		availability float64
		of, want     int
	}{{99.9, 0, 1}, {99.9, 10, 1}, {99.9, 999, 1}, {99.9, 1999, 1}, {99.9, 2000, 2}, {99.9, 100_000, 100}, {99.99, 100_000, 10}, {95, 100, 5}, {50, 5, 2}} {
		if got := allowed(c.availability, c.of); got != c.want {
			t.Errorf("at %g %% %d of %d may be lost, want %d", c.availability, got, c.of, c.want)
		}
	}
}

// What clients lose that are not judged is no cost of a drill's, neither in requests nor in error budget.
func TestCostIsOfJudgedClients(t *testing.T) {
	r := seriesOf(n(5, "x")+n(15, "."), n(20, "x"), n(20, "x"))
	alone := seriesOf(n(5, "x") + n(15, "."))
	r.clients[1], r.clients[2] = prober.Client{Resolver: prober.Hold}, prober.Client{Reuse: true}
	run, want := r.run(), alone.run()
	if run.Budget != want.Budget || run.Budget == 0 {
		t.Errorf("%.4f %% of the error budget burned, want %.4f %%: as if the others were not there", run.Budget, want.Budget)
	}
	if q := run.Requests; q.Judged != 5 || q.Lost != 45 {
		t.Errorf("%+v, want 45 lost, 5 of them by the judged one", q)
	}
	l := newLedger()
	l.restart(r.ordered)
	l.add(&r, r.samples)
	if got := l.burn.share(r.target); l.lost != 5 || got < run.Budget*0.9999 || got > run.Budget*1.0001 {
		t.Errorf("while it runs %d lost and %.4f %% burned; want what the report says, 5 and %.4f %%", l.lost, got, run.Budget)
	}
}

// A loss outside outages is not where its client was last led, and those of clients that are not judged are not held against the objective.
func TestOutsideOfOthers(t *testing.T) {
	stray := n(20, "x") + n(50, ".") + "x" + n(29, ".")
	r := seriesOf(stray, stray, stray)
	r.clients[1], r.clients[2] = prober.Client{Reuse: true}, prober.Client{Reuse: true}
	run := r.run()
	if run.Outside != (Outside{Sent: 80, Lost: 1, Allowed: 1}) {
		t.Errorf("%+v, want 1 of 80 lost: of the one that is judged", run.Outside)
	}
	for _, h := range run.Resolvers {
		if value(h.RTO) != 20.1 || value(h.Last) != 19.1 {
			t.Errorf("%s: recovery after %.1f s, last led there after %.1f s; want 20.1 s, 19.1 s", h.Name, value(h.RTO), value(h.Last))
		}
	}
}

// Before anything is broken as much may be lost as the objective allows, of each client and of all.
func TestSteady(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		red   string
		told  string
	}{
		"nothing is lost":               {lines: each(4, n(100, "o")), told: "0 of 440 requests were lost before anything was broken, and the objective of 99.9 % allows 1"},
		"one is":                        {lines: append(each(3, n(100, "o")), n(50, "o")+"x"+n(49, "o")), told: "1 of 440 requests were lost"},
		"two are, and one is allowed":   {lines: each(2, n(50, "o")+"x"+n(49, "o")), red: "2 of 220 requests were lost before anything was broken, and the objective of 99.9 % allows 1: refused (connect)"},
		"three are, which is allowed":   {lines: append(each(3, n(1000, "o")+"x"), n(1000, "o")), told: "3 of 4043 requests were lost"},
		"three are, of one client":      {lines: append(each(3, n(1000, "o")), n(1000, "o")+"xxx"), red: "3 of 1013 requests of one client (the 4. one) were lost before anything was broken, and the objective of 99.9 % allows 1: refused (connect)"},
		"what could not be sent is not": {lines: each(4, n(50, "o")+"---"), told: "0 of 240 requests"},
	} {
		t.Run(name, func(t *testing.T) {
			r := seriesOf(c.lines...)
			for i := range r.samples {
				if failed(r.samples[i]) {
					r.samples[i].Detail = "refused"
				}
			}
			if red, told := r.steady(); red != c.red || !strings.HasPrefix(told, c.told) {
				t.Errorf("red %q, told %q; want %q, %q", red, told, c.red, c.told)
			}
		})
	}
	t.Run("others do not count", func(t *testing.T) {
		r := seriesOf(n(100, "o"), n(100, "x"))
		r.clients[1] = prober.Client{Reuse: true}
		if red, _ := r.steady(); red != "" {
			t.Error(red)
		}
	})
}

// The report says what was lost outside, and where it is too much.
func TestOutsideIsTold(t *testing.T) {
	o := judgedRun(seriesOf(each(16, n(20, "x")+n(50, ".")+"x"+n(29, "."))...), nil, Expected{Bound: 30}, 0)
	if c := check(o, "lost outside outages"); c.Result != report.Failed || c.Remedy == "" {
		t.Errorf("%+v", c)
	}
	o = judgedRun(seriesOf(n(20, "x")+n(50, ".")+"x"+n(29, ".")), nil, Expected{Bound: 30}, 0)
	if c := check(o, "lost outside outages"); c.Result != report.OK || c.Detail != "1 of 80 requests; the objective of 99.9 % allows 1" {
		t.Errorf("%+v", c)
	}
}
