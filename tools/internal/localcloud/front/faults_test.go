package front

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
)

func inject(t *testing.T, s *fault.Set, f fault.Fault) {
	t.Helper()
	if err := s.Inject(f); err != nil {
		t.Fatal(err)
	}
}

// cure heals everything.
func cure(t *testing.T, s *fault.Set) {
	t.Helper()
	if _, err := s.Heal(fault.Cure{}); err != nil {
		t.Fatal(err)
	}
}

// A regional front goes down with its region; Google's load balancer is global and answers 502 for a region that is
// down behind it, until the whole provider is down.
func TestDown(t *testing.T) {
	for _, tt := range []struct {
		front plane.Front
		whole bool // the provider, not the region
		reset bool
	}{
		{plane.APIGateway, false, true}, {plane.APIGateway, true, true},
		{plane.AzureApp, false, true}, {plane.RunApp, false, true},
		{plane.GoogleALB, false, false}, {plane.GoogleALB, true, true},
	} {
		s := siteOf(t, tt.front, freePort(t))
		target := s.Region
		if tt.whole {
			target, _, _ = strings.Cut(s.Region, "/")
		}
		t.Run(string(tt.front)+" "+target, func(t *testing.T) {
			var faults fault.Set
			serve(t, Options{Runtimes: hello, Faults: &faults}, s)
			c := client(t, s.Listen)
			get(t, c, "https://"+name+"/") // leaves an open connection
			inject(t, &faults, fault.Fault{Target: target, Kind: fault.Down})
			for _, state := range []string{"open connection", "new connection"} {
				resp, err := c.Get("https://" + name + "/")
				switch {
				case tt.reset && err == nil:
					t.Errorf("%s: answered %d, want a reset", state, resp.StatusCode)
				case !tt.reset && (err != nil || resp.StatusCode != http.StatusBadGateway):
					t.Errorf("%s: %v, %v, want 502", state, resp, err)
				}
				if resp != nil {
					_ = resp.Body.Close()
				}
				c.CloseIdleConnections()
			}
			cure(t, &faults)
			if resp, _ := get(t, c, "https://"+name+"/"); resp.StatusCode != 200 {
				t.Errorf("after the healing: %d", resp.StatusCode)
			}
		})
	}
}

func TestDownIsAReset(t *testing.T) {
	var faults fault.Set
	s := siteOf(t, plane.APIGateway, freePort(t))
	serve(t, Options{Runtimes: hello, Faults: &faults}, s)
	inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Down})
	if _, err := client(t, s.Listen).Get("https://" + name + "/"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want a connection reset", err)
	}
	// Another region's fault does not count.
	cure(t, &faults)
	inject(t, &faults, fault.Fault{Target: "aws/eu-west-1", Kind: fault.Down})
	if resp, _ := get(t, client(t, s.Listen), "https://"+name+"/"); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// What is in progress when a region goes down does not get an answer from it.
func TestDownBreaksWhatIsInProgress(t *testing.T) {
	entered := make(chan struct{})
	slow := functions{appID: {HTTP: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})}}
	var faults fault.Set
	s := siteOf(t, plane.AzureApp, freePort(t))
	serve(t, Options{Runtimes: slow, Faults: &faults}, s)
	result := make(chan error, 1)
	go func() {
		resp, err := client(t, s.Listen).Get("https://" + name + "/")
		if err == nil {
			_ = resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Down})
	select {
	case err := <-result:
		if err == nil {
			t.Error("it was answered")
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection stays open")
	}
}

// Faults of the whole provider other than Down let connections to Google's load balancer through.
func TestGoogleIsNotResetByOtherFaults(t *testing.T) {
	for _, other := range []fault.Fault{
		{Kind: fault.ControlPlane}, {Kind: fault.Slow, Delay: time.Millisecond}, {Kind: fault.Errors, Rate: 0.01},
	} {
		t.Run(string(other.Kind), func(t *testing.T) {
			var faults fault.Set
			s := siteOf(t, plane.GoogleALB, freePort(t))
			serve(t, Options{Runtimes: hello, Faults: &faults}, s)
			other.Target = "gcp"
			inject(t, &faults, other)
			if resp, body := get(t, client(t, s.Listen), "https://"+name+"/"); resp.StatusCode != 200 || body != "hello" {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
		})
	}
}

// A delay is cloud time: at speed 10 its client waits a tenth of it.
func TestSlow(t *testing.T) {
	const speed, delay = 10, 5 * time.Second
	var faults fault.Set
	s := siteOf(t, plane.AzureApp, freePort(t))
	f := serve(t, Options{Runtimes: hello, Faults: &faults, Clock: clock.New(speed)}, s)
	c := client(t, s.Listen)
	inject(t, &faults, fault.Fault{Target: "azure", Kind: fault.Slow, Delay: delay})
	started := time.Now()
	if resp, _ := get(t, c, "https://"+name+"/"); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if took := time.Since(started); took < delay/speed || took >= delay {
		t.Errorf("answered after %s, want %s", took, delay/speed)
	}
	// Whoever judges by the time an answer takes can ask how much of it is meant.
	here := net.TCPAddrFromAddrPort(s.Listen)
	elsewhere := net.TCPAddrFromAddrPort(freePort(t))
	for _, tt := range []struct {
		at   net.Addr
		host string
		want time.Duration
	}{{here, name, delay}, {here, strings.ToUpper(name) + ".", delay}, {here, "other.example.test", 0}, {elsewhere, name, 0}, {&net.UnixAddr{}, name, 0}} {
		if got := f.Delay(tt.at, tt.host); got != tt.want {
			t.Errorf("%s at %s is delayed by %s, want %s", tt.host, tt.at, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, front := range everyFront {
		t.Run(string(front), func(t *testing.T) {
			var faults fault.Set
			s := siteOf(t, front, freePort(t))
			serve(t, Options{Runtimes: hello, Faults: &faults}, s)
			c := client(t, s.Listen)
			inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Errors, Rate: 0.3})
			failed := 0
			for range 20 {
				resp, body := get(t, c, "https://"+name+"/")
				if resp.StatusCode == http.StatusServiceUnavailable {
					failed++
					if front == plane.APIGateway && body != `{"message":"Service Unavailable"}` {
						t.Errorf("body %s", body)
					}
				}
			}
			if failed != 6 {
				t.Errorf("%d of 20 failed at a rate of 0.3, want 6", failed)
			}
		})
	}
}

var (
	_ Functions            = functions{}
	_ runtime.EventInvoker = events(nil)
)

// A front whose certificates have ended is what clients refuse, and who does not look, such as Route 53's checkers, is answered.
func TestExpired(t *testing.T) {
	for _, front := range []plane.Front{plane.APIGateway, plane.GoogleALB, plane.AzureApp} {
		t.Run(string(front), func(t *testing.T) {
			ca, err := pki.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			var faults fault.Set
			s := siteOf(t, front, freePort(t))
			end := time.Now().Add(-time.Hour)
			serve(t, Options{Runtimes: hello, Faults: &faults, Expired: func(name string) ([]byte, []byte, error) {
				return ca.IssueBetween(end.Add(-time.Hour), end, name)
			}}, s)
			shown := func() *x509.Certificate {
				t.Helper()
				c, err := tls.Dial("tcp", s.Listen.String(), &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // to see what is shown
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				return c.ConnectionState().PeerCertificates[0]
			}
			before := shown()
			inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Expired})
			old := shown()
			if !old.NotAfter.Equal(end.UTC().Truncate(time.Second)) || old.VerifyHostname(name) != nil {
				t.Errorf("shown is a certificate for %v that ends on %s, want one for %s that ended on %s", old.DNSNames, old.NotAfter, name, end)
			}
			if again := shown(); !again.Equal(old) {
				t.Error("each connection is shown another certificate")
			}
			var refused x509.CertificateInvalidError
			_, err = tls.Dial("tcp", s.Listen.String(), &tls.Config{ServerName: name, RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12})
			if !errors.As(err, &refused) || refused.Reason != x509.Expired {
				t.Errorf("who trusts the authority: %v, want the certificate refused as expired", err)
			}
			if resp, _ := get(t, client(t, s.Listen), "https://"+name+"/"); resp.StatusCode != 200 {
				t.Errorf("who does not look is answered %d", resp.StatusCode)
			}
			cure(t, &faults)
			if after := shown(); !after.Equal(before) {
				t.Error("after the healing another certificate is shown than before")
			}
			// Another region's fault does not count.
			inject(t, &faults, fault.Fault{Target: "elsewhere/far-1", Kind: fault.Expired})
			if after := shown(); !after.Equal(before) {
				t.Error("another region's certificates have ended, and this one's is shown as if it had")
			}
		})
	}
}
