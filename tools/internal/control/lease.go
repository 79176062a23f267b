package control

import (
	"encoding/json"
	"fmt"
	"time"

	"polygate.example/shared/health"
)

// Document is the lease as the gateway reads it from its variable health.EnvDrill. The error says what keeps it from being obeyed by a
// gateway that starts at the time: it would be ignored there.
func (l Lease) Document(now time.Time) (string, error) {
	d := health.Drill{Fault: l.Fault, Until: l.Until.UTC().Truncate(time.Second), Token: l.Token, ID: l.Drill, Rate: l.Rate, DelayMS: l.Delay.Milliseconds()}
	if err := d.Check(); err != nil {
		return "", fmt.Errorf("the lease is refused: %w", err)
	}
	if err := d.Begun(now); err != nil {
		return "", fmt.Errorf("the lease is refused: %w", err)
	}
	if d.Over(now) {
		return "", fmt.Errorf("the lease is refused: it ended at %s", d.Until.Format(time.RFC3339))
	}
	doc, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode the lease: %w", err)
	}
	return string(doc), nil
}

// LeaseIn is the lease that a function's variables hold; false where there is none. A variable that no gateway obeys is an error.
func LeaseIn(variables map[string]string) (Lease, bool, error) {
	text, ok := variables[health.EnvDrill]
	if !ok {
		return Lease{}, false, nil
	}
	d, err := health.ParseDrill(text)
	if err != nil {
		return Lease{}, true, err
	}
	return Lease{Fault: d.Fault, Until: d.Until, Token: d.Token, Drill: d.ID, Rate: d.Rate, Delay: time.Duration(d.DelayMS) * time.Millisecond}, true, nil
}

// Fence refuses who comes with a lower token than that of the lease found in a function's variables. A variable that is no lease fences
// nobody: no gateway obeys it.
func Fence(variables map[string]string, token uint64) error {
	found, ok, err := LeaseIn(variables)
	if ok && err == nil && found.Token > token {
		return fmt.Errorf("%w: drill %s has token %d, and this one %d", ErrFenced, found.Drill, found.Token, token)
	}
	return nil
}
