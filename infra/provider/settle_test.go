package provider

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestPauseEnds(t *testing.T) {
	if err := Pause(t.Context(), time.Millisecond); err != nil {
		t.Errorf("a pause ends with %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Pause(cancelled, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled pause ends with %v", err)
	}
}
