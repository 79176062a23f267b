package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/route53"
)

func TestRecoveryDrain(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.switches()
	// Two of five endpoints may be away at any time.
	for _, e := range strings.Split(b.topo.Details["clusterEndpoints"], ",")[:2] {
		_, url, _ := strings.Cut(e, "=https://")
		host, _, _ := strings.Cut(url, "/")
		b.dead = append(b.dead, host)
	}
	m := b.manager()
	for range 8 { // whichever comes first
		for _, drained := range []bool{true, true, false} {
			b.pass(6 * time.Second)
			if err := m.Drain(t.Context(), []string{"aws/us-east-1"}, drained); err != nil {
				t.Fatal(err)
			}
			seen, err := m.Regions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r := seen["aws/us-east-1"]; r.Drained != drained || seen["aws/eu-west-1"].Drained {
				t.Fatalf("after Drain(%t): %+v", drained, seen)
			}
		}
	}
	if in := b.inputs(0); in.Bool("disabled") {
		t.Error("the health check was changed, too")
	}
	tried := map[string]bool{}
	for _, host := range b.asked {
		tried[host] = tried[host] || strings.HasPrefix(host, "host-")
	}
	n := 0
	for _, is := range tried {
		if is {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d of the five endpoints were tried in some sixty calls: want all, in random order", n)
	}
}

func TestRecoveryRefusals(t *testing.T) {
	t.Parallel()
	both := []string{"aws/us-east-1", "aws/eu-west-1"}
	drain := func(regions ...string) func(*testing.T, *amazonBed) error {
		return func(t *testing.T, b *amazonBed) error { return b.manager().Drain(t.Context(), regions, true) }
	}
	for name, c := range map[string]struct {
		do   func(*testing.T, *amazonBed) error
		code string
		is   error
	}{
		"none would be on": {drain(both...), "ConflictException", route53.ErrSafetyRule},
		"within the wait period": {func(t *testing.T, b *amazonBed) error {
			if err := b.manager().Drain(t.Context(), both[:1], true); err != nil {
				return err
			}
			return b.manager().Drain(t.Context(), both[:1], false)
		}, "ConflictException", route53.ErrSafetyRule},
		"a control that is gone": {func(t *testing.T, b *amazonBed) error {
			b.topo.Details["routingControlArn:aws/us-east-1"] += "0"
			return b.manager().Drain(t.Context(), both[:1], true)
		}, "", control.ErrUnknown},
		"a panel that is gone": {func(t *testing.T, b *amazonBed) error {
			b.topo.Details["routingControlArn:aws/us-east-1"] = "arn:aws:route53-recovery-control::000000000000:controlpanel/x/routingcontrol/y"
			return b.manager().Drain(t.Context(), both[:1], true)
		}, "ResourceNotFoundException", control.ErrUnknown},
		"another secret": {func(t *testing.T, b *amazonBed) error {
			m, err := route53.New(b.config("another"), b.topo)
			if err != nil {
				return err
			}
			return m.Drain(t.Context(), both, true)
		}, "InvalidSignatureException", nil},
		"all endpoints away": {func(t *testing.T, b *amazonBed) error {
			b.server.Close()
			return b.manager().Drain(t.Context(), both, true)
		}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newAmazonBed(t)
			b.switches()
			err := c.do(t, b)
			var answer smithy.APIError
			if err == nil || c.code != "" && (!errors.As(err, &answer) || answer.ErrorCode() != c.code) {
				t.Errorf("%v: want %s", err, c.code)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v: is not %v", err, c.is)
			}
			if name == "none would be on" && !strings.Contains(fmt.Sprint(err), "The safety rule regions-that-stay-on would not hold: it asserts ATLEAST 1 of its controls on, and 0 would be") {
				t.Errorf("%v: does not name the rule", err)
			}
		})
	}
}
