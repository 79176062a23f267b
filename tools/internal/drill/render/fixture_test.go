package render

import (
	"fmt"
	"time"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/report"
)

var began = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// f is a figure that was seen.
func f(s float64) *float64 { return &s }

const (
	first  = "aws/us-east-1"
	second = "gcp/europe-west1"
	third  = "azure/westeurope"
	speed  = 5.0
	bound0 = 62.0
)

// shift is how a run goes: seconds of cloud time after the fault.
type shift struct {
	detected, decided, dns, shifted, recovered, back float64 // 0: did not happen
	began                                            time.Time
}

// aRun is a run of 120 s in which a region is lost from second 10 to 85.
func aRun(s shift) drill.Run {
	fault := drill.Fault{Kind: drill.RegionDown, Target: first}
	moment := func(at float64) *time.Time {
		if at == 0 {
			return nil
		}
		t := s.began.Add(time.Duration((10 + at) / speed * float64(time.Second)))
		return &t
	}
	start := s.began.Add(time.Duration(10 / speed * float64(time.Second)))
	r := drill.Run{Length: 120, Fault: 10, Mended: 85, Budget: 0.42,
		Moments: drill.Moments{Fault: &start, FirstError: moment(0.4), Detected: moment(s.detected), Decided: moment(s.decided), DNSChanged: moment(s.dns),
			Shifted95: moment(s.shifted), Recovered: moment(s.recovered), FailedBack: moment(s.back)},
		Requests: drill.Requests{Sent: 21400, Failed: 913, Lost: 402, Judged: 383, Retried: 511, Wrong: 3},
		Outside:  drill.Outside{Sent: 9400, Lost: 3, Allowed: 4}, Outages: []drill.Outage{{At: 10.2, Lost: 380}},
		Latency: drill.Latencies{Before: drill.Quantiles{P50: 4.1, P95: 9.8, P99: 14.25, Max: 31, N: 2000}, During: drill.Quantiles{P50: 6.3, P95: 41, P99: 1000, Max: 2000.4, N: 14000},
			After: drill.Quantiles{P50: 4.2, P95: 10, P99: 15, Max: 29, N: 4998}},
		Prober: drill.Prober{Rate: 1000, Clients: 40, Sent: 21400, Missed: 2, LateP99: 1.3},
		Landed: []drill.Evidence{{Fault: fault, At: 10.6, OK: true, Text: "https://us-east-1.aws.api.example.com/health: connection refused"}},
		Cleanup: []drill.Evidence{{Fault: fault, At: 86, OK: true, Text: "not in force at the target any more"},
			{Fault: fault, At: 87.5, OK: true, Text: "https://us-east-1.aws.api.example.com/health answers 200"}},
	}
	end := s.recovered
	if end == 0 {
		end = 75
	}
	if s.decided > 0 {
		r.Moments.FirstShifted = moment(s.dns + 0.6)
		r.Derived = drill.Derived{Detect: f(s.detected), Decide: f(s.decided - s.detected), Publish: f(s.dns - s.decided), Propagate: f(s.shifted - s.dns), Moved: f(s.recovered)}
	}
	if s.recovered > 0 {
		r.Derived.Recover, r.Derived.RTO = f(s.recovered-s.shifted), f(s.recovered)
	}
	if s.recovered > 0 {
		r.Outages[0].Over = f(10 + s.recovered)
	}
	if s.back > 0 {
		r.Derived.FailBack = f(s.back - 75)
	}
	r.Resolvers = []drill.Holding{{Name: "exact", Judged: true, Clients: 30, Lost: 380, RTO: r.Derived.RTO, Last: f(end - 1)},
		{Name: "keeps connections", Clients: 6, Lost: 22, RTO: f(end), Last: f(end)}, {Name: "holds 300 s", Clients: 4, Lost: 210, Stale: 160, Last: f(75)}}
	places := map[string]bool{"us-east": true, "us-west": true, "eu-west": true}
	r.Votes = []drill.Votes{{Region: first, Healthy: true, Passing: 3, Of: 3, By: places}}
	if s.decided > 0 {
		r.Votes = append(r.Votes, drill.Votes{At: 10 + s.detected, Region: first, Healthy: true, Passing: 2, Of: 3, By: map[string]bool{"us-east": false, "us-west": true, "eu-west": true}},
			drill.Votes{At: 10 + s.decided, Region: first, Passing: 0, Of: 3, By: map[string]bool{"us-east": false, "us-west": false, "eu-west": false}, Why: "connection refused"},
			drill.Votes{At: 100, Region: first, Healthy: true, Passing: 3, Of: 3, By: places})
	}
	for i := range 2 {
		server := fmt.Sprintf("ns-%d.awsdns-%02d.org", 512+i, i)
		r.DNS = append(r.DNS, drill.DNSChange{Server: server, Regions: []string{first}, Answer: []string{"us-east-1.aws.api.example.com."}})
		if s.dns > 0 {
			r.DNS = append(r.DNS, drill.DNSChange{At: 9.5 + s.dns + float64(i)/2, Server: server, Regions: []string{second, third}, Answer: []string{"192.0.2.1", "192.0.2.2"}})
		}
		if s.back > 0 {
			r.DNS = append(r.DNS, drill.DNSChange{At: 101 + float64(i)/2, Server: server, Regions: []string{first}, Answer: []string{"us-east-1.aws.api.example.com."}})
		}
	}
	for at := range 120 {
		b, since := drill.Bucket{At: float64(at), By: map[string]int{}}, float64(at)-10
		switch {
		case since < 0 || s.back > 0 && since >= s.back || s.back == 0 && since >= 75:
			b.By[first] = 200
		case s.dns == 0 || since < s.dns:
			b.Lost = 200
		case since < end:
			part := int(200 * (since - s.dns) / (end - s.dns))
			b.By[second], b.By[third], b.Lost = part/2, part-part/2, 200-part
		default:
			b.By[second], b.By[third] = 120, 80
		}
		r.Timeline = append(r.Timeline, b)
	}
	return r
}

// anOutcome is a drill with some runs.
func anOutcome(v drill.Verdict, because string, runs ...drill.Run) drill.Outcome {
	o := drill.Outcome{ID: "20261126-120000-7f3a", Environment: "staging", Hostname: "api.example.com", Manager: "route53", Pattern: "active-passive", Title: "The primary region is lost",
		Faults: []drill.Fault{{Kind: drill.RegionDown, Target: first}}, Affected: []string{first}, Verdict: v, Because: because, Runs: runs,
		Expected:  drill.Expected{Bound: bound0, Why: "2 checks × (10 s + 6 s) + TTL 30 s"},
		Objective: drill.Objective{RTO: 60, Availability: 99.95}, RPO: "nothing to lose: the gateway keeps no data",
		Digests: drill.Digests{Experiment: "sha256:1f00", Topology: "sha256:2f00", Model: "sha256:3f00", Release: "v42", Artefacts: map[string]string{first: "sha256:4f00", second: "sha256:5f00"},
			Journal: "sha256:6f00"},
		Speed: speed, ApprovedBy: "ada@example.com", Token: 18446744073709551615, Started: began, Ended: began.Add(40 * time.Second)}
	o.Report = report.New("staging", o.Ended, []report.Check{{Name: "steady state", Result: report.OK, Detail: "21 probes, all answered 200"},
		{Name: "capacity", Result: report.Warning, Detail: "gcp/europe-west1 has 20 instances for the share of 30", Remedy: "raise concurrency, or accept a slower answer"},
		{Name: "approval", Result: report.Skipped, Detail: "none is asked for in staging"}})
	o.Spread.Runs = len(runs)
	var rtos []float64
	for _, r := range runs {
		if r.Derived.RTO != nil {
			rtos = append(rtos, *r.Derived.RTO)
		} else if r.Moments.Fault != nil {
			o.Spread.Never++
		}
	}
	if n := len(rtos); n > 0 { // given in order
		o.Spread.RTO = drill.Figures{P50: f(rtos[(n-1)/2]), P95: f(rtos[n-1]), Max: f(rtos[n-1])}
		o.Spread.Moved, o.Spread.Detect = o.Spread.RTO, drill.Figures{P50: runs[0].Derived.Detect, P95: runs[n-1].Derived.Detect, Max: runs[n-1].Derived.Detect}
	}
	return o
}

// fails puts a failed check into an outcome.
func fails(o drill.Outcome, name, detail, remedy string) drill.Outcome {
	o.Report = report.New(o.Environment, o.Ended, append(o.Report.Checks, report.Check{Name: name, Result: report.Failed, Detail: detail, Remedy: remedy}))
	return o
}

// outcomes are drills that ended in every way, by the name of their golden files.
func outcomes() map[string]drill.Outcome {
	good := shift{detected: 12.1, decided: 21.4, dns: 21.9, shifted: 38.2, recovered: 43.1, back: 101.7, began: began}
	slower, slowest := good, good
	slower.detected, slower.recovered, slower.began = 13.4, 47.9, began.Add(time.Minute)
	slowest.detected, slowest.recovered, slowest.began = 14, 55, began.Add(2*time.Minute)

	never := fails(anOutcome(drill.Fail, "40 clients were still without answers when the fault was mended, 75 s after it", aRun(shift{began: began})),
		"recovered", "no", "look at the manager: it acknowledged a change and answers as before")

	vain := anOutcome(drill.Inconclusive, "the fault did not land: the region went on answering", aRun(shift{began: began}))
	vain.Runs[0].Landed[0].OK, vain.Runs[0].Landed[0].Text = false, "https://us-east-1.aws.api.example.com/health answers 200"
	vain.Runs[0].Derived.RTO = f(0)
	vain.Runs[0].Moments.FirstError, vain.Runs[0].Budget = nil, 0
	vain.Runs[0].Requests = drill.Requests{Sent: 21400}
	vain.Runs[0].Outages, vain.Runs[0].Outside = []drill.Outage{}, drill.Outside{Sent: 16000, Allowed: 8}
	for i := range vain.Runs[0].Timeline {
		vain.Runs[0].Timeline[i] = drill.Bucket{At: float64(i), By: map[string]int{first: 200}}
	}

	early := aRun(shift{began: began})
	early.Moments, early.Derived, early.Landed, early.Cleanup = drill.Moments{}, drill.Derived{}, nil, nil
	early.Length, early.Fault, early.Mended, early.Timeline = 8, 0, 0, early.Timeline[:8]
	early.Requests, early.Budget = drill.Requests{Sent: 1600}, 0
	early.Outages, early.Outside = nil, drill.Outside{}
	early.Latency.During, early.Latency.After = drill.Quantiles{}, drill.Quantiles{}

	stuck := fails(anOutcome(drill.CleanupFailed, "region-down of aws/us-east-1 is still in force; its lease ends at 12:10:00 UTC", aRun(good)), "clean-up",
		"the target refused the order to mend: 503", "polygate drill lever release region-down aws/us-east-1, or wait until 12:10:00 UTC\nand look at the target")
	stuck.Runs[0].Moments.FailedBack, stuck.Runs[0].Derived.FailBack = nil, nil
	stuck.Runs[0].Cleanup = []drill.Evidence{{Fault: stuck.Faults[0], At: 86, Text: "still in force at the target"},
		{At: 86.5, Text: "region-down of aws/us-east-1, for another 8m20s"}}

	blocked := fails(anOutcome(drill.Blocked, "a release is on its way"), "no release", "v43 is half-way", "wait until it is promoted, or roll it back")
	blocked.Spread = drill.Spread{}

	unnoticed := fails(anOutcome(drill.Fail, "recovery: clients were without answers until it was mended, as computed: the health endpoint stays well", aRun(shift{began: began})),
		"recovery", "clients were without answers until it was mended, as computed: the health endpoint stays well", "watch for it by other means: nothing leads clients away")
	unnoticed.Faults[0] = drill.Fault{Kind: drill.ErrorRate, Target: first, Rate: 0.3, SparesHealth: true}
	unnoticed.Expected = drill.Expected{Unnoticed: true, Why: "the health endpoint stays well"}
	unnoticed.Objective = drill.Objective{}
	unnoticed.Runs[0].Stepped = -3600
	for i, b := range unnoticed.Runs[0].Timeline {
		if b.Lost > 0 {
			unnoticed.Runs[0].Timeline[i].Lost, unnoticed.Runs[0].Timeline[i].By[first] = 60, 140
		}
	}

	flaps := fails(anOutcome(drill.Fail, "no second outage: another outage 66.0 s after the fault, for 4.0 s, took 800 requests", aRun(good)), "no second outage",
		"another outage 66.0 s after the fault, for 4.0 s, took 800 requests", "see the timeline: votes that change, DNS answers that lead back, a survivor that cannot carry it")
	flaps.Runs[0].Outages = append(flaps.Runs[0].Outages, drill.Outage{At: 76, Over: f(80), Lost: 800, Second: true})
	flaps.Runs[0].Outside.Lost = 61
	for at := 76; at < 80; at++ {
		flaps.Runs[0].Timeline[at] = drill.Bucket{At: float64(at), By: map[string]int{}, Lost: 200}
	}

	return map[string]drill.Outcome{
		"second":         flaps,
		"pass":           anOutcome(drill.Pass, "every client of aws/us-east-1 had an answer again after 43.1 s, within the bound of 62 s", aRun(good)),
		"never":          never,
		"inconclusive":   vain,
		"aborted":        anOutcome(drill.Aborted, "asked to stop before the fault was made", early),
		"cleanup-failed": stuck,
		"blocked":        blocked,
		"repeat":         anOutcome(drill.Pass, "all of 3 runs within the bound of 62 s", aRun(good), aRun(slower), aRun(slowest)),
		"unnoticed":      unnoticed,
	}
}
