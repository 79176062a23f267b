package drill

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/prober"
)

// recording is all that was seen of one run. Times are wall time since the prober began, by a monotonic clock.
type recording struct {
	begun    time.Time // on the wall clock
	speed    float64
	affected []string
	clients  []prober.Client
	samples  []prober.Sample
	servers  []string
	answers  []prober.Answer
	lead     func(targets []string) []string // regions that an answer leads to
	votes    []looked
	ordered  time.Duration // the first order to break went out
	broken   time.Duration // the last one was carried out; 0 when none was
	mending  time.Duration // the order to mend went out
	mended   time.Duration // and was carried out
	end      time.Duration
	target   float64       // availability asked for, percent
	ttl      time.Duration // of the name's record
	bound    time.Duration // within which the fault's outage is to be over; 0 without one
}

// looked is what the manager said at one time.
type looked struct {
	at      time.Duration
	regions map[string]control.Region
}

// never is a time that did not come.
const never = time.Duration(-1)

// judged reports whether the bound is for a client: one that goes by the TTL and connects anew.
func judged(c prober.Client) bool {
	return (c.Resolver == "" || c.Resolver == prober.Exact) && !c.Reuse
}

// behaviour is a kind of client in words.
func behaviour(c prober.Client) string {
	s := "goes by the TTL"
	switch c.Resolver {
	case prober.Hold:
		s = fmt.Sprintf("holds answers for %s", cmp.Or(c.Hold, 5*time.Minute))
	case prober.ServeStale:
		s = "serves stale answers while nobody answers"
	}
	if c.Reuse {
		s += ", keeps connections"
	}
	if c.Retries > 0 {
		s += fmt.Sprintf(", tries %d times", c.Retries+1)
	}
	return s
}

// failed reports whether a request had no right answer. One that the prober could not send says nothing of the gateway.
func failed(s prober.Sample) bool { return s.Err != prober.None && s.Err != prober.Missed }

// answered reports whether it had one.
func answered(s prober.Sample) bool { return s.Err == prober.None }

func (r recording) isAffected(region string) bool { return slices.Contains(r.affected, region) }

// fault is the moment from which it counts: when the order was carried out, or the first failure after it had gone out, where that came
// before. A cloud takes its time over an order, and nobody knows when in between it took effect. A failure that ten right answers of the same
// client in a row come after is not the fault's.
func (r recording) fault() time.Duration {
	at := r.broken
	since := make([]int, len(r.clients)) // right answers since the failure that first is of
	first := make([]time.Duration, len(r.clients))
	for i := range first {
		first[i] = never
	}
	for _, s := range r.samples {
		c := s.Client
		switch {
		case s.At < r.ordered || s.At >= r.mending || since[c] > inARow: // of that client the first one is known
		case answered(s) && first[c] != never:
			if since[c]++; since[c] == inARow {
				since[c], first[c] = 0, never
			}
		case failed(s) && first[c] == never && s.At < r.broken:
			first[c] = s.At
		case failed(s) && first[c] != never:
			since[c] = inARow + 1
		}
	}
	for _, t := range first {
		if t != never {
			at = min(at, t)
		}
	}
	return at
}

// run derives everything from what was seen.
func (r recording) run() Run {
	slices.SortFunc(r.samples, func(a, b prober.Sample) int { return cmp.Compare(a.At, b.At) })
	if r.broken == 0 {
		return Run{Latency: r.latencies(r.end), Resolvers: []Holding{}, Votes: r.voteChanges(), DNS: r.dnsChanges(), Timeline: r.timeline(), Length: r.cloud(r.end), Fault: r.cloud(r.mending), Mended: r.cloud(r.mended)}
	}
	fault := r.fault()
	l := r.losses(fault)
	m := r.moments(fault, l)
	out := Run{
		Moments: m.stamps(r), Derived: m.derived(r), Outages: r.outages(l), Outside: r.outside(l), Requests: r.requests(fault), Latency: r.latencies(fault),
		Resolvers: r.holdings(fault, l), Votes: r.voteChanges(), DNS: r.dnsChanges(), Timeline: r.timeline(), Budget: r.budget(fault),
		Length: r.cloud(r.end), Fault: r.cloud(fault), Mended: r.cloud(r.mended),
	}
	return out
}

// cloud is wall time in seconds of cloud time.
func (r recording) cloud(d time.Duration) float64 {
	return math.Round(d.Seconds()*r.speed*1000) / 1000
}

// moments are the times of Moments.
type moments struct {
	fault, firstError, detected, decided, dns, firstShifted, shifted95, recovered, failedBack time.Duration
	moved                                                                                     time.Duration // the last request was led to an affected region
	shifted                                                                                   time.Duration // all of its clients were answered by others
	lost                                                                                      bool          // somebody was without an answer
	lastLost                                                                                  time.Duration // the last request that the outage took was due
}

// moments finds when each thing was first seen.
func (r recording) moments(fault time.Duration, l losses) moments {
	m := moments{fault: fault, firstError: never, detected: never, decided: never, dns: never, firstShifted: never, shifted95: never, recovered: never, failedBack: never, moved: never, shifted: never, lastLost: never}
	for _, s := range r.samples {
		if failed(s) && s.At >= fault && s.At < r.mended && (m.firstError == never || s.At+s.Took < m.firstError) {
			m.firstError = s.At + s.Took
		}
	}
	outage, lost := l.recovery(r.judged)
	m.recovered, m.lastLost, m.lost = outage.until, outage.last, lost
	m.detected, m.decided = r.decision(fault)
	m.dns = r.published(fault)
	m.firstShifted, m.shifted95, m.shifted, m.moved = r.shift(fault, l)
	m.failedBack = r.back(fault)
	return m
}

// judged reports whether the bound is for the client at a place.
func (r recording) judged(client int) bool { return judged(r.clients[client]) }

// byEnd orders samples by when they ended.
func byEnd(samples []prober.Sample) []prober.Sample {
	out := slices.Clone(samples)
	slices.SortStableFunc(out, func(a, b prober.Sample) int { return cmp.Compare(a.At+a.Took, b.At+b.Took) })
	return out
}

// decision is when the first place called an affected region ill, and when the manager had called the last of them ill.
func (r recording) decision(fault time.Duration) (detected, decided time.Duration) {
	detected, decided = never, never
	before := map[string]int{} // passing
	ill := map[string]bool{}
	for _, v := range r.votes {
		for _, region := range r.affected {
			now, ok := v.regions[region]
			if !ok {
				continue
			}
			if v.at < fault {
				before[region] = now.Passing
				continue
			}
			if v.at >= r.mending {
				return detected, decided
			}
			if detected == never && (!now.Healthy || now.Of > 0 && now.Passing < before[region]) {
				detected = v.at
			}
			if ill[region] = !now.Healthy; now.Healthy {
				decided = never // one that wavers has not been decided on
			}
		}
		if decided == never && len(r.affected) > 0 && len(ill) == len(r.affected) && !slices.Contains(slices.Collect(maps.Values(ill)), false) {
			decided = v.at
		}
	}
	return detected, decided
}

// leads reports whether an answer leads to an affected region.
func (r recording) leads(a prober.Answer) bool {
	return slices.ContainsFunc(r.lead(a.Targets), r.isAffected)
}

// published is when the last name server stopped to lead to an affected region; never where one still did when it was mended, or none had
// led there.
func (r recording) published(fault time.Duration) time.Duration {
	at, had := time.Duration(0), false
	for _, server := range r.servers {
		bad, since := false, time.Duration(0)
		for _, a := range r.answers {
			if a.Server != server || a.Err != "" || a.At > r.mending {
				continue
			}
			now := r.leads(a)
			if bad && !now && a.At >= fault {
				since = a.At
			}
			bad = now
			had = had || now && a.At <= r.broken
		}
		if bad {
			return never
		}
		at = max(at, since)
	}
	if !had {
		return never
	}
	return at
}

// shift is when the first client of an affected region was answered by another one, when 95 % of them were, and when all were: each from the
// fault on, of judged clients, by the first such answer after the last request that an affected region took or an outage did. led is when the
// last such request of anybody was sent, where all have moved: how long it took to be answered, and how soon its client asks again, is not the
// manager's affair. A loss outside an outage says nothing of where its client was led, nor does an answer that came when it was being mended.
func (r recording) shift(fault time.Duration, l losses) (first, most, all, led time.Duration) {
	there := r.clientsOf(fault)
	var moved []time.Duration
	at := map[int]time.Duration{}
	for i, s := range r.samples {
		end := s.At + s.Took
		if s.At < fault || s.At >= r.mending || !r.judged(s.Client) || l.stray[i] || answered(s) && end > r.mending {
			continue
		}
		switch {
		case answered(s) && r.isAffected(s.Region), failed(s):
			delete(at, s.Client)
			led = s.At
		case there[s.Client] && answered(s) && s.Region != "":
			if _, ok := at[s.Client]; !ok {
				at[s.Client] = end
			}
			if first == 0 || end < first {
				first = end
			}
		}
	}
	for _, t := range at {
		moved = append(moved, t)
	}
	if len(there) == 0 || len(moved) == 0 {
		return never, never, never, never
	}
	slices.Sort(moved)
	most = never
	if n := int(math.Ceil(0.95 * float64(len(there)))); n <= len(moved) {
		most = moved[n-1]
	}
	if len(moved) == len(there) {
		return first, most, moved[len(moved)-1], max(led, fault)
	}
	return first, most, never, never
}

// clientsOf are the judged clients that an affected region answered before the fault.
func (r recording) clientsOf(fault time.Duration) map[int]bool {
	out := map[int]bool{}
	for _, s := range r.samples {
		if s.At+s.Took < fault && answered(s) && r.isAffected(s.Region) && judged(r.clients[s.Client]) {
			out[s.Client] = true
		}
	}
	return out
}

// back is when the last client that an affected region had answered before was answered by one again, after mending.
func (r recording) back(fault time.Duration) time.Duration {
	there := r.clientsOf(fault)
	at := time.Duration(0)
	for _, s := range byEnd(r.samples) {
		if s.At >= r.mended && there[s.Client] && answered(s) && r.isAffected(s.Region) {
			delete(there, s.Client)
			at = s.At + s.Took
		}
	}
	if len(there) > 0 || at == 0 {
		return never
	}
	return at
}

// stamps are the moments on the wall clock.
func (m moments) stamps(r recording) Moments {
	stamp := func(at time.Duration) *time.Time {
		if at == never {
			return nil
		}
		t := r.begun.Round(0).Add(at).UTC()
		return &t
	}
	return Moments{
		Fault: stamp(m.fault), FirstError: stamp(m.firstError), Detected: stamp(m.detected), Decided: stamp(m.decided), DNSChanged: stamp(m.dns),
		FirstShifted: stamp(m.firstShifted), Shifted95: stamp(m.shifted95), Recovered: stamp(m.recovered), FailedBack: stamp(m.failedBack),
	}
}

// derived are the times between. Each phase ends no later than the last client had recovered, or, where none was without an answer, than the
// last had moved: what came after that did not keep anybody waiting.
func (m moments) derived(r recording) Derived {
	since := func(from, to time.Duration) *float64 {
		if from == never || to == never {
			return nil
		}
		v := r.cloud(to - from)
		return &v
	}
	d := Derived{Moved: since(m.fault, m.moved), FailBack: since(r.mended, m.failedBack), Least: since(m.fault, m.lastLost)}
	end := m.recovered
	if !m.lost {
		zero := 0.0
		d.RTO = &zero
		end = m.shifted
	} else {
		d.RTO = since(m.fault, m.recovered)
	}
	last := m.fault
	for _, phase := range []struct {
		to  time.Duration
		out **float64
	}{{m.detected, &d.Detect}, {m.decided, &d.Decide}, {m.dns, &d.Publish}, {m.shifted95, &d.Propagate}, {end, &d.Recover}} {
		to := phase.to
		if to == never {
			continue
		}
		if end != never {
			to = min(to, end)
		}
		to = max(to, last)
		*phase.out = since(last, to)
		last = to
	}
	return d
}
