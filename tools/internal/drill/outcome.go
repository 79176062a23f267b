package drill

import (
	"encoding/json"
	"time"

	"polygate.example/tools/internal/report"
)

// Verdict is what a drill came to.
type Verdict string

// The verdicts, and the exit codes of `polygate drill run` that they have.
const (
	Pass          Verdict = "pass"            // 0: everything within its bound and objective
	Fail          Verdict = "fail"            // 1: something was not
	Inconclusive  Verdict = "inconclusive"    // 3: the fault did not land, or what was seen proves nothing
	Aborted       Verdict = "aborted"         // 4: given up before its end, everything mended
	CleanupFailed Verdict = "clean-up failed" // 5: something is still broken
	Blocked       Verdict = "blocked"         // 6: a precheck refused it, nothing was broken
	LockLost      Verdict = "lock lost"       // 7: another operation took over the stack, everything mended
)

// Exit is the verdict's exit code.
func (v Verdict) Exit() int {
	switch v {
	case Pass:
		return 0
	case Inconclusive:
		return 3
	case Aborted:
		return 4
	case CleanupFailed:
		return 5
	case Blocked:
		return 6
	case LockLost:
		return 7
	}
	return 1
}

// Outcome is all that is known of a drill in the end. Times that are called seconds are cloud time, which local clouds run faster than the wall
// clock; moments are of the wall clock, UTC. A moment or figure that was not seen is null.
type Outcome struct {
	ID          string        `json:"id"`
	Environment string        `json:"environment"`
	Hostname    string        `json:"hostname"`
	Manager     string        `json:"manager"`
	Pattern     string        `json:"pattern"`
	Steering    string        `json:"steering,omitempty"`
	Title       string        `json:"title"` // of the experiment
	Faults      []Fault       `json:"faults"`
	Affected    []string      `json:"affected"` // regions that the faults take answers from
	Verdict     Verdict       `json:"verdict"`
	Because     string        `json:"because"` // one sentence
	Report      report.Report `json:"report"`  // every check that was held, those before the fault first
	Runs        []Run         `json:"runs"`
	Spread      Spread        `json:"spread"`
	Expected    Expected      `json:"expected"`
	Objective   Objective     `json:"objective"`
	RPO         string        `json:"rpo"` // how much data a failover may lose, or why there is none to lose
	Digests     Digests       `json:"digests"`
	Speed       float64       `json:"speed"` // cloud seconds per wall second, 1 on real clouds
	ApprovedBy  string        `json:"approved_by,omitempty"`
	Token       uint64        `json:"token"` // of the lock
	Started     time.Time     `json:"started"`
	Ended       time.Time     `json:"ended"`
}

// Digest is of all of it, as the journal keeps it beside the verdict.
func (o Outcome) Digest() string {
	b, err := json.Marshal(o)
	if err != nil { // an outcome is made of strings, numbers and times
		panic(err)
	}
	return digest(b)
}

// Expected is what was computed before anything was broken.
type Expected struct {
	Bound     float64 `json:"bound_seconds"`       // longest time that any client can be without answers; 0 with Unnoticed
	Lossless  bool    `json:"lossless"`            // no request may be lost but for what the objective allows
	Unnoticed bool    `json:"unnoticed,omitempty"` // the manager's checks do not look at what is broken, so that there is no bound
	Why       string  `json:"why"`                 // how it is computed, in words
}

// Objective is what the experiment asks for.
type Objective struct {
	RTO          float64 `json:"rto_seconds,omitempty"`  // 0: the bound is the objective
	Availability float64 `json:"availability,omitempty"` // percent over 30 days, from which the error budget follows
}

// Run is one time that the faults were in force.
type Run struct {
	Moments   Moments     `json:"moments"`
	Derived   Derived     `json:"derived"`
	Outages   []Outage    `json:"outages"`         // of judged clients, while the fault was in force
	Outside   Outside     `json:"outside_outages"` // their requests besides
	Requests  Requests    `json:"requests"`
	Budget    float64     `json:"budget_burned_percent"` // of the error budget of 30 days, by judged clients from the fault on
	Latency   Latencies   `json:"latency"`
	Resolvers []Holding   `json:"resolvers"`
	Votes     []Votes     `json:"votes"`    // every change of what the manager says of an affected region
	DNS       []DNSChange `json:"dns"`      // every change of what the name servers answer
	Landed    []Evidence  `json:"landed"`   // proof that the faults were there
	Cleanup   []Evidence  `json:"cleanup"`  // and that they are gone
	Prober    Prober      `json:"prober"`   // whether it was the bottleneck
	Timeline  []Bucket    `json:"timeline"` // what clients saw, second by second
	Length    float64     `json:"seconds"`  // of the timeline, from the first request watched to the last
	Fault     float64     `json:"fault_at"` // on the timeline, when the last fault was in force, or clients felt it
	Mended    float64     `json:"mended_at"`
	Cut       bool        `json:"cut_off,omitempty"`               // it was given up before its end: what it did not see says nothing
	Stepped   float64     `json:"clock_stepped_seconds,omitempty"` // by which the wall clock was set while it ran: no figure here depends on it
}

// Moments are when things were first seen.
type Moments struct {
	Fault        *time.Time `json:"fault"`         // the order to break was carried out
	FirstError   *time.Time `json:"first_error"`   // a client did not get its answer
	Detected     *time.Time `json:"detected"`      // one of the places that look for the manager calls an affected region ill
	Decided      *time.Time `json:"decided"`       // the manager calls the last of them ill
	DNSChanged   *time.Time `json:"dns_changed"`   // no name server leads there any more
	FirstShifted *time.Time `json:"first_shifted"` // a client of an affected region was answered by another one
	Shifted95    *time.Time `json:"shifted_95"`    // 95 % of its clients are
	Recovered    *time.Time `json:"recovered"`     // the outage was over: the last client had an answer again
	FailedBack   *time.Time `json:"failed_back"`   // after mending, the last of its clients was back
}

// Derived are the times between, in seconds of cloud time. The first five add up to RTO.
type Derived struct {
	Detect    *float64 `json:"detect_seconds"`       // from the fault until detected
	Decide    *float64 `json:"decide_seconds"`       // until decided
	Publish   *float64 `json:"publish_seconds"`      // until DNS had changed
	Propagate *float64 `json:"propagate_seconds"`    // until 95 % had shifted
	Recover   *float64 `json:"recover_seconds"`      // until recovered
	RTO       *float64 `json:"rto_seconds"`          // from the fault until its outage was over, see Outage; 0 when there was none; null when it was not
	Least     *float64 `json:"rto_at_least_seconds"` // from the fault until the last request was due that the outage took; RTO is when its client was answered next
	Moved     *float64 `json:"moved_seconds"`        // from the fault until the last request was led to an affected region; null while some still are
	FailBack  *float64 `json:"fail_back_seconds"`    // from mending until failed back
}

// Outage is a time in which judged clients were without answers, as outage.go defines it. The recovery time is that of the first one, and of all
// that are no second one.
type Outage struct {
	At     float64  `json:"at"`               // seconds on the timeline
	Over   *float64 `json:"over"`             // as well; null when it was not while the fault was in force
	Lost   int      `json:"lost"`             // requests
	Second bool     `json:"second,omitempty"` // it began when the first one and the bound were over, which fails the drill
}

// Outside are the requests of judged clients that were sent outside outages, from the fault until it was mended. More lost than allowed fails the
// drill.
type Outside struct {
	Sent    int `json:"sent"`
	Lost    int `json:"lost"`
	Allowed int `json:"allowed"` // of those sent, by the objective of availability; at least one
}

// Requests are counted from the fault until it was mended and clients were back.
type Requests struct {
	Sent    int `json:"sent"`
	Failed  int `json:"failed"`  // attempts that got no right answer
	Lost    int `json:"lost"`    // requests that did not, after all their attempts
	Judged  int `json:"judged"`  // of those lost, the ones of judged clients: what limits.lostRequests is about
	Retried int `json:"retried"` // requests that needed more than one attempt
	Wrong   int `json:"wrong"`   // of those lost, answers that were not the gateway's
}

// Latencies are before the fault, while it lasts, and after it.
type Latencies struct {
	Before Quantiles `json:"before"`
	During Quantiles `json:"during"`
	After  Quantiles `json:"after"`
}

// Quantiles of the time that answers took, in milliseconds of wall time.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	N   int     `json:"n"` // answers
}

// Holding is a kind of client, and how long it held on.
type Holding struct {
	Name    string   `json:"name"`           // "exact", "keeps connections", "holds 300 s"
	Judged  bool     `json:"judged"`         // the bound is for those that go by the TTL and connect anew; others are shown
	Clients int      `json:"clients"`        // how many
	Lost    int      `json:"lost"`           // requests
	Stale   int      `json:"stale"`          // requests that went by an answer past its TTL
	RTO     *float64 `json:"rto_seconds"`    // of the slowest of them; null when one never recovered
	Last    *float64 `json:"last_led_there"` // seconds after the fault at which one was last led to an affected region
}

// Votes are what the manager says of a region from a moment on.
type Votes struct {
	At      float64         `json:"at"` // seconds on the timeline
	Region  string          `json:"region"`
	Healthy bool            `json:"healthy"`
	Passing int             `json:"passing"`
	Of      int             `json:"of"`           // 0 where the manager does not tell
	By      map[string]bool `json:"by,omitempty"` // by place that looks, where it tells
	Why     string          `json:"why,omitempty"`
}

// DNSChange is what a name server answers from a moment on.
type DNSChange struct {
	At      float64  `json:"at"` // seconds on the timeline
	Server  string   `json:"server"`
	Regions []string `json:"regions"` // that it leads to; none where the answer names none
	Answer  []string `json:"answer"`
}

// Evidence is something that was seen.
type Evidence struct {
	Fault Fault   `json:"fault"`
	At    float64 `json:"at"` // seconds on the timeline
	OK    bool    `json:"ok"` // it is as it should be
	Text  string  `json:"text"`
}

// Prober says whether what measured was itself the bottleneck.
type Prober struct {
	Rate    float64 `json:"rate"` // requests a second, wall time
	Clients int     `json:"clients"`
	Sent    int     `json:"sent"`
	Missed  int     `json:"missed"`      // that could not be sent when they were due
	LateP99 float64 `json:"late_p99_ms"` // wall time
}

// Bucket is a second of the timeline.
type Bucket struct {
	At   float64        `json:"at"`   // its beginning
	By   map[string]int `json:"by"`   // right answers, by region
	Lost int            `json:"lost"` // requests without one
}

// Spread is how the runs differ. Runs that never recovered have no figure and are counted.
type Spread struct {
	Runs   int     `json:"runs"`
	Never  int     `json:"never_recovered"`
	RTO    Figures `json:"rto"`
	Moved  Figures `json:"moved"`
	Detect Figures `json:"detect"`
}

// Figures are quantiles of seconds over the runs; null without any.
type Figures struct {
	P50 *float64 `json:"p50_seconds"`
	P95 *float64 `json:"p95_seconds"`
	Max *float64 `json:"max_seconds"`
}

// Digests say exactly what was drilled, and by what.
type Digests struct {
	Experiment string            `json:"experiment"` // of the file as it was run
	Topology   string            `json:"topology"`
	Model      string            `json:"model"`
	Release    string            `json:"release"`
	Artefacts  map[string]string `json:"artefacts"` // by region
	Journal    string            `json:"journal"`   // of the events up to the verdict
}
