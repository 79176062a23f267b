package drill

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"polygate.example/tools/internal/prober"
)

// What an outage is.
//
// Every network loses a request now and then, and a drill is not to call that an outage. What is tolerated is what the experiment's objective
// of availability tolerates: of n requests the share that it leaves, rounded down, and always one, because one in n requests is the least that
// can be lost at all (allowed).
//
// A client that goes by the TTL is watched from the fault until the order to mend. It counts as being out from the fault on, so that whatever it
// loses then is the fault's, until it has a right answer which begins one TTL (and ten requests, where it makes fewer in a TTL) at the objective:
// ten right answers in a row, and of all its requests in that time no more lost than allowed. With that answer its outage ends. A request that it
// loses afterwards is a loss outside the outage, and counted as that, as long as a TTL (and ten requests) from there on is at the objective too;
// otherwise it begins another outage of this client. What was asked after the order to mend proves nothing: a TTL that it cuts short is judged by
// what there was of it, which is less than a TTL only where the outage ended after the bound, or the experiment watches for less than that.
//
// Outages of several clients are one as long as there is no TTL between them without any. The recovery time is that of the first one, and of all
// that begin before the bound is over: until then a client may be led to what is broken again. One that begins later is a second outage, and
// fails the drill; so does it when all that was lost outside outages, by all of these clients together, is more than the objective allows.

// inARow is how many right answers in a row make a client answered, and the fewest requests that the objective is held against.
const inARow = 10

// allowed is how many of n requests may be lost at an availability in percent.
func allowed(availability float64, n int) int {
	const rounding = 1e-6 // 0.1 % of 1000 is one, and a bit less in binary
	return max(1, int(math.Floor(float64(n)*(100-availability)/100+rounding)))
}

// span is an outage.
type span struct {
	from  time.Duration // the first request that it took was due
	last  time.Duration // the last one was
	until time.Duration // the first right answer after it had come; never
	lost  int
}

// join is an outage that has both.
func (s span) join(o span) span {
	out := span{from: min(s.from, o.from), last: max(s.last, o.last), until: max(s.until, o.until), lost: s.lost + o.lost}
	if s.until == never || o.until == never {
		out.until = never
	}
	return out
}

// losses are the requests that were lost from the fault until the order to mend, told apart.
type losses struct {
	spans  [][]span // by client
	stray  []bool   // by place in recording.samples: lost outside an outage
	within []bool   // by place: sent outside an outage
	bound  time.Duration
	ttl    time.Duration
}

// losses tells them apart. The samples are in order.
func (r recording) losses(fault time.Duration) losses {
	l := losses{spans: make([][]span, len(r.clients)), stray: make([]bool, len(r.samples)), within: make([]bool, len(r.samples)), bound: fault + r.bound, ttl: r.ttl}
	series := make([][]int, len(r.clients))
	for i, s := range r.samples {
		end := s.At + s.Took
		// A request that was under way when the fault came counts; one that mending saved does not prove anything, nor does one that was not sent.
		if end < fault || s.At >= r.mending || s.Err == prober.Missed || answered(s) && end > r.mending {
			continue
		}
		series[s.Client] = append(series[s.Client], i)
	}
	for client, of := range series {
		l.spans[client] = r.follow(of, &l)
	}
	return l
}

// follow goes through one client's requests and returns its outages.
func (r recording) follow(of []int, l *losses) (spans []span) {
	before := make([]int, len(of)+1) // how many of those before each were lost
	for i, k := range of {
		before[i+1] = before[i]
		if failed(r.samples[k]) {
			before[i+1]++
		}
	}
	out, now, ahead := true, span{until: never}, 0
	for i, k := range of {
		s := r.samples[k]
		for ahead < len(of) && (ahead < i+inARow || r.samples[of[ahead]].At < s.At+r.ttl) {
			ahead++
		}
		lost := before[ahead] - before[i]
		good := lost <= allowed(r.target, ahead-i)
		switch {
		case !failed(s) && out && good && before[min(i+inARow, len(of))] == before[i]:
			if now.lost > 0 {
				now.until = s.At + s.Took
				spans = append(spans, now)
			}
			out, now, l.within[k] = false, span{until: never}, true
		case !failed(s):
			l.within[k] = !out
		case !out && good:
			l.within[k], l.stray[k] = true, true
		default:
			if now.lost == 0 {
				now.from = s.At
			}
			out, now.last, now.lost = true, s.At, now.lost+1
		}
	}
	if now.lost > 0 {
		spans = append(spans, now)
	}
	return spans
}

// outages are those of some clients together, in order.
func (l losses) outages(of func(client int) bool) (out []span) {
	var all []span
	for client, spans := range l.spans {
		if of(client) {
			all = append(all, spans...)
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, s := range all {
		if n := len(out); n > 0 && (out[n-1].until == never || s.from < out[n-1].until+l.ttl) {
			out[n-1] = out[n-1].join(s)
			continue
		}
		out = append(out, s)
	}
	return out
}

// again is how many of these outages, from the end, are not the fault's: there was one before, and they began when the bound was over.
func (l losses) again(outages []span) int {
	n := 0
	for i := len(outages) - 1; i > 0 && outages[i].from >= l.bound; i-- {
		n++
	}
	return n
}

// recovery is when the fault's outage of some clients was over: never when it was not. lost says whether there was one.
func (l losses) recovery(of func(client int) bool) (fault span, lost bool) {
	outages := l.outages(of)
	if len(outages) == 0 {
		return span{until: never, last: never}, false
	}
	fault = outages[0]
	for _, o := range outages[1 : len(outages)-l.again(outages)] {
		fault = fault.join(o)
	}
	return fault, true
}

// steady is what judged clients have seen while nothing is broken: red says why it is not as it has to be, and told is what is to be told where
// it is. What the objective allows to be lost, of each client's requests and of all of them together, is no reason.
func (r recording) steady() (red, told string) {
	type count struct{ sent, lost int }
	var all count
	each := make([]count, len(r.clients))
	detail := ""
	for _, x := range r.samples {
		if !r.counts(x) {
			continue
		}
		all.sent, each[x.Client].sent = all.sent+1, each[x.Client].sent+1
		if failed(x) {
			all.lost, each[x.Client].lost = all.lost+1, each[x.Client].lost+1
			detail = cmp.Or(detail, fmt.Sprintf(": %s (%s)", x.Detail, x.Err))
		}
	}
	say := func(c count, by string) string {
		return fmt.Sprintf("%d of %d requests%s were lost before anything was broken, and the objective of %g %% allows %d%s", c.lost, c.sent, by, r.target, allowed(r.target, c.sent), detail)
	}
	if all.lost > allowed(r.target, all.sent) {
		return say(all, ""), ""
	}
	for i, c := range each {
		if c.lost > allowed(r.target, c.sent) {
			return say(c, fmt.Sprintf(" of one client (%s)", cmp.Or(r.clients[i].Name, fmt.Sprintf("the %d. one", i+1)))), ""
		}
	}
	return "", say(all, "")
}
