package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/status"
)

// welcome ends `up`: on local clouds it waits until the hostname answers, shows who did, and says what to try next.
func (a *app) welcome(ctx context.Context, s settings.Settings) error {
	if s.LocalClouds == nil {
		a.result("%s is deployed: `polygate status -s %s` looks at it\n", s.Hostname, a.stack)
		return nil
	}
	look, err := a.looker(ctx, s)
	if err != nil {
		return err
	}
	// Functions start cold and new health checks have yet to agree: give them the time the clouds would take.
	a.step("up: waiting for every region to answer")
	deadline := time.Now().Add(time.Minute)
	r, err := look(ctx)
	for err == nil && !r.Well() && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		r, err = look(ctx)
	}
	if err != nil {
		return err
	}
	if !r.Well() {
		if err := table(a.out, r); err != nil {
			return err
		}
		return fmt.Errorf("deployed, but %s: `polygate status -s %s` tells which region and why", r.Status, a.stack)
	}
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return err
	}
	shows, err := a.asClient(t)
	if errors.Is(err, errNoCertificate) {
		a.result("%s is deployed, and every region answers: %v\n", s.Hostname, err)
		return nil
	}
	if err != nil {
		return err
	}
	seen, err := status.Ask(ctx, r, shows...)
	if err != nil {
		return fmt.Errorf("deployed, but https://%s/health does not answer: %w", r.Hostname, err)
	}
	with := "" // as curl shows it
	if t.AsksClients() {
		with = " --cert " + shellQuote(a.getenv(status.EnvCertificate))
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return errors.Join(errors.New("the local clouds have gone"), err)
	}
	dnsHost, dnsPort, err := net.SplitHostPort(st.DNS)
	if err != nil {
		return err
	}
	a.result(`
https://%[1]s/health answered: %[3]s, release %[2]s.

Listening (loopback only):
  DNS     %[4]s   authoritative for %[5]s and the clouds' own names, UDP and TCP
  HTTPS   %[6]s   the way in for every name; certificates signed by %[7]s
  origin  http://%[8]s   the service behind the gateway
  time    %[9]g cloud seconds a second; %[10]s

Try:
  dig @%[11]s -p %[12]s %[1]s
  curl --cacert %[7]s%[14]s --connect-to ::%[6]s https://%[1]s/hello
  bin/polygate local fail %[3]s     # then watch %[13]s:
  bin/polygate status --watch
  bin/polygate local heal
  make down                         # remove everything
`, r.Hostname, seen.Release, seen.Region, st.DNS, s.Zone, st.Edge, shellQuote(st.CA), st.Origin, st.Speed, over(r.BoundSeconds, st.Speed),
		dnsHost, dnsPort, next(r, seen.Region), with)
	return nil
}

// over says how long a failure can last, in cloud time and here; with one region there is none to take over.
func over(bound int, speed float64) string {
	if bound == 0 {
		return "a failure is over when the region is back"
	}
	here := time.Duration(float64(bound) / speed * float64(time.Second)).Round(100 * time.Millisecond)
	return fmt.Sprintf("a failure is over within %d cloud seconds (%s here)", bound, here)
}

// next says who serves when a region is lost: where one serves at a time, the first other one that may.
func next(r status.Report, lost string) string {
	if r.Steering != "" {
		return "the others take its clients"
	}
	for _, reg := range r.Regions {
		if reg.Name != lost && !reg.Drained {
			return reg.Name + " take over"
		}
	}
	return "the hostname go without answers"
}
