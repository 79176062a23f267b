package drill

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"polygate.example/tools/internal/prober"
)

// requests counts from the fault to the end.
func (r recording) requests(fault time.Duration) Requests {
	var out Requests
	for _, s := range r.samples {
		if s.At+s.Took < fault || s.Err == prober.Missed {
			continue
		}
		out.Sent++
		out.Failed += max(0, s.Attempts-1)
		if failed(s) {
			out.Lost++
			out.Failed++
			if r.judged(s.Client) {
				out.Judged++
			}
		}
		if s.Err == prober.Wrong {
			out.Wrong++
		}
		if s.Attempts > 1 {
			out.Retried++
		}
	}
	return out
}

// latencies are those of requests that were answered.
func (r recording) latencies(fault time.Duration) Latencies {
	var before, during, after []float64
	for _, s := range r.samples {
		if !answered(s) {
			continue
		}
		ms := float64(s.Took.Microseconds()) / 1000
		switch {
		case s.At < fault:
			before = append(before, ms)
		case s.At < r.mended:
			during = append(during, ms)
		default:
			after = append(after, ms)
		}
	}
	return Latencies{quantiles(before), quantiles(during), quantiles(after)}
}

func quantiles(ms []float64) Quantiles {
	if len(ms) == 0 {
		return Quantiles{}
	}
	slices.Sort(ms)
	return Quantiles{P50: quantile(ms, 0.5), P95: quantile(ms, 0.95), P99: quantile(ms, 0.99), Max: ms[len(ms)-1], N: len(ms)}
}

// quantile is the smallest of sorted values that at least the share q of them does not exceed.
func quantile(sorted []float64, q float64) float64 {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// holdings are the kinds of clients, and how long each held on.
func (r recording) holdings(fault time.Duration, l losses) []Holding {
	var out []Holding
	at := map[string]int{}
	for _, c := range r.clients {
		name := behaviour(c)
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			out = append(out, Holding{Name: name, Judged: judged(c)})
		}
		out[i].Clients++
	}
	for n, s := range r.samples {
		if s.At+s.Took < fault || s.At >= r.mending {
			continue
		}
		h := &out[at[behaviour(r.clients[s.Client])]]
		if failed(s) {
			h.Lost++
		}
		if s.Stale {
			h.Stale++
		}
		if answered(s) && r.isAffected(s.Region) || failed(s) && !l.stray[n] {
			v := r.cloud(s.At + s.Took - fault)
			if h.Last == nil || v > *h.Last {
				h.Last = &v
			}
		}
	}
	for i := range out {
		outage, lost := l.recovery(func(client int) bool { return behaviour(r.clients[client]) == out[i].Name })
		switch {
		case !lost:
			zero := 0.0
			out[i].RTO = &zero
		case outage.until != never:
			v := r.cloud(outage.until - fault)
			out[i].RTO = &v
		}
	}
	return out
}

// voteChanges are those of what the manager says of affected regions.
func (r recording) voteChanges() []Votes {
	out := []Votes{}
	last := map[string]Votes{}
	for _, v := range r.votes {
		for _, region := range r.affected {
			now, ok := v.regions[region]
			if !ok {
				continue
			}
			votes := Votes{At: r.cloud(v.at), Region: region, Healthy: now.Healthy, Passing: now.Passing, Of: now.Of, Why: now.Why}
			for _, vote := range now.Votes {
				if votes.By == nil {
					votes.By = map[string]bool{}
				}
				votes.By[vote.From] = vote.Healthy
			}
			was, seen := last[region]
			if seen && was.Healthy == votes.Healthy && was.Passing == votes.Passing && was.Of == votes.Of && maps.Equal(was.By, votes.By) {
				continue
			}
			last[region] = votes
			out = append(out, votes)
		}
	}
	return out
}

// maxChanges of DNS answers are kept: steering by weight gives another one each time.
const maxChanges = 2000

// dnsChanges are those of what the name servers answer.
func (r recording) dnsChanges() []DNSChange {
	out := []DNSChange{}
	last := map[string]string{}
	for _, a := range r.answers {
		c := DNSChange{At: r.cloud(a.At), Server: a.Server, Regions: r.lead(a.Targets), Answer: a.Targets}
		if a.Err != "" {
			c.Answer = []string{a.Err}
		}
		key := fmt.Sprint(c.Regions, a.Err)
		if last[a.Server] == key {
			continue
		}
		last[a.Server] = key
		if out = append(out, c); len(out) == maxChanges {
			break
		}
	}
	return out
}

// timeline is what clients saw, second by second of cloud time.
func (r recording) timeline() []Bucket {
	out := make([]Bucket, max(1, int(math.Ceil(r.cloud(r.end)))))
	for i := range out {
		out[i] = Bucket{At: float64(i), By: map[string]int{}}
	}
	for _, s := range r.samples {
		b := &out[min(len(out)-1, max(0, int(r.cloud(s.At))))]
		switch {
		case answered(s):
			b.By[s.Region]++
		case failed(s):
			b.Lost++
		}
	}
	return out
}

// outages are those of judged clients.
func (r recording) outages(l losses) []Outage {
	all := l.outages(r.judged)
	out := []Outage{}
	for i, o := range all {
		x := Outage{At: r.cloud(o.from), Lost: o.lost, Second: i >= len(all)-l.again(all)}
		if o.until != never {
			v := r.cloud(o.until)
			x.Over = &v
		}
		out = append(out, x)
	}
	return out
}

// outside are the requests of judged clients outside outages.
func (r recording) outside(l losses) (out Outside) {
	for i, s := range r.samples {
		if !l.within[i] || !r.judged(s.Client) {
			continue
		}
		out.Sent++
		if l.stray[i] {
			out.Lost++
		}
	}
	out.Allowed = allowed(r.target, out.Sent)
	return out
}

// counts reports whether a request is one of those that limits, objective and error budget are about: one that a judged client made.
func (r *recording) counts(s prober.Sample) bool {
	return s.Err != prober.Missed && judged(r.clients[s.Client])
}

// budget is the share of the error budget that judged clients' requests burned, in percent, of those that were under way at the fault or came
// after it.
func (r recording) budget(fault time.Duration) float64 {
	var b burn
	for _, s := range r.samples {
		if s.At+s.Took >= fault && r.counts(s) {
			b.add(r.cloud(s.At), failed(s))
		}
	}
	return b.share(r.target)
}
