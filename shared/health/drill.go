package health

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"
)

// EnvDrill holds a Drill as JSON while the instance is to fail on purpose; unset otherwise.
const EnvDrill = "POLYGATE_DRILL"

// Faults that a gateway has on request.
const (
	DrillHealthFail = "health-fail" // /health and /ready answer 503, everything else is served
	DrillErrorRate  = "error-rate"  // a share of all requests answers 503
	DrillLatency    = "latency"     // every request waits before it is served
	DrillRegionDown = "region-down" // every request answers 503
)

const (
	// DrillLimit is how long a drill may last. A longer one is taken for a mistake.
	DrillLimit = time.Hour
	// DrillDelayLimit is the longest delay of DrillLatency: above what any health check waits for.
	DrillDelayLimit = time.Minute
)

// Drill is a fault that a gateway has until a time, and who wanted it.
type Drill struct {
	Fault   string    `json:"fault"`              // one of the Drill constants
	Until   time.Time `json:"until"`              // RFC 3339; from then on nothing is different
	Token   uint64    `json:"token"`              // the higher one is the later drill
	ID      string    `json:"drill"`              // 1 to 64 letters, digits, dots, hyphens and underscores
	Rate    float64   `json:"rate,omitempty"`     // share of requests that fail, above 0 to 1; of DrillErrorRate only
	DelayMS int64     `json:"delay_ms,omitempty"` // milliseconds that every request waits; of DrillLatency only
}

// drillID is what goes into headers, logs and names of other systems alike.
var drillID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`) })

// ParseDrill reads the value of EnvDrill. What is not known, or not whole, is an error: half of a fault is another fault.
func ParseDrill(text string) (Drill, error) {
	var d Drill
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Drill{}, fmt.Errorf("%s is no document of a drill: %w", EnvDrill, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Drill{}, fmt.Errorf("%s goes on after the document of a drill", EnvDrill)
	}
	return d, d.Check()
}

// Check says what keeps a drill from being one. It does not mind the clock: see Begun.
func (d Drill) Check() error {
	switch {
	case d.Until.IsZero():
		return fmt.Errorf("%s says no `until`: want the time at which the fault ends, in RFC 3339", EnvDrill)
	case !drillID().MatchString(d.ID):
		return fmt.Errorf("%s has the `drill` %.80q: want 1 to 64 letters, digits, dots, hyphens and underscores", EnvDrill, d.ID)
	}
	switch d.Fault {
	case DrillHealthFail, DrillRegionDown:
	case DrillErrorRate:
		if !(d.Rate > 0 && d.Rate <= 1) {
			return fmt.Errorf("%s has the `rate` %g: want a share above 0, at most 1", EnvDrill, d.Rate)
		}
	case DrillLatency:
		if d.DelayMS <= 0 || d.DelayMS > DrillDelayLimit.Milliseconds() {
			return fmt.Errorf("%s has the `delay_ms` %d: want 1 to %d", EnvDrill, d.DelayMS, DrillDelayLimit.Milliseconds())
		}
	default:
		return fmt.Errorf("%s has the `fault` %.80q: want %s, %s, %s or %s", EnvDrill, d.Fault, DrillHealthFail, DrillErrorRate, DrillLatency, DrillRegionDown)
	}
	if d.Rate != 0 && d.Fault != DrillErrorRate || d.DelayMS != 0 && d.Fault != DrillLatency {
		return fmt.Errorf("%s has a `rate` or `delay_ms` that the fault %s does not take", EnvDrill, d.Fault)
	}
	return nil
}

// Begun says whether a drill may be obeyed by what begins now: it may not when it would last for longer than DrillLimit.
func (d Drill) Begun(now time.Time) error {
	if left := d.Until.Sub(now); left > DrillLimit {
		return fmt.Errorf("%s lasts until %s, %s from now: a fault may last for %s", EnvDrill, d.Until.Format(time.RFC3339), left.Round(time.Second), DrillLimit)
	}
	return nil
}

// Over reports whether a drill has no effect any more.
func (d Drill) Over(now time.Time) bool { return !now.Before(d.Until) }
