package front

import (
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/plane"
)

// patience is how long these tests listen to silence.
const patience = 200 * time.Millisecond

// line is one TLS connection to a front.
type line struct {
	t *testing.T
	net.Conn
}

// call connects to a front without shaking hands.
func call(t *testing.T, s plane.Site) *line {
	t.Helper()
	raw, err := net.DialTimeout("tcp", s.Listen.String(), time.Second)
	if err != nil {
		t.Fatalf("no connection: %v", err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return &line{t, tls.Client(raw, &tls.Config{ServerName: name, InsecureSkipVerify: true})} //nolint:gosec // the certificates are made for each test
}

// ask sends a request, and says what comes of it within a time: the status line, "silence", or "cut off".
func (l *line) ask(within time.Duration) string {
	l.t.Helper()
	return l.send(within, "GET / HTTP/1.1\r\nHost: "+name+"\r\n\r\n")
}

func (l *line) send(within time.Duration, request string) string {
	l.t.Helper()
	_ = l.SetDeadline(time.Now().Add(within))
	_, err := io.WriteString(l, request)
	b := make([]byte, 4096)
	n := 0
	if err == nil {
		n, err = l.Read(b)
	}
	switch {
	case err == nil:
		status, _, _ := strings.Cut(string(b[:n]), "\r\n")
		return status
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silence"
	default:
		return "cut off"
	}
}

// ended waits until the front lets go of the connection. Of one that was silent nothing must have been heard, not a byte; of one whose
// request hung there is no answer.
func (l *line) ended(silent bool) {
	l.t.Helper()
	conn := l.Conn
	if silent {
		conn = conn.(*tls.Conn).NetConn()
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	n, err := conn.Read(make([]byte, 1))
	if n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Errorf("the front said %d bytes, %v; want the connection let go", n, err)
	}
}

// A black hole takes connections and never answers, not even the handshake; what was open falls silent, and all of it is let go in the
// end, whether somebody heals or the lease is over. Google's load balancer shakes hands for a region that is silent behind it, and has
// the request hang.
func TestBlackhole(t *testing.T) {
	for _, tt := range []struct {
		front  plane.Front
		whole  bool // the provider, not the region
		shakes bool
		ends   []string
	}{
		{plane.APIGateway, false, false, []string{"healed", "lease"}}, {plane.APIGateway, true, false, []string{"healed"}},
		{plane.AzureApp, false, false, []string{"healed"}}, {plane.RunApp, false, false, []string{"healed"}},
		{plane.GoogleALB, false, true, []string{"healed", "lease"}}, {plane.GoogleALB, true, false, []string{"lease"}},
	} {
		for _, end := range tt.ends {
			s := siteOf(t, tt.front, freePort(t))
			target := s.Region
			if tt.whole {
				target, _, _ = strings.Cut(s.Region, "/")
			}
			t.Run(string(tt.front)+" "+target+" "+end, func(t *testing.T) {
				const speed, lease = 10, 20 * time.Second // 2 s on the wall
				clk := clock.New(speed)
				faults := fault.New(clk, 0, nil)
				serve(t, Options{Runtimes: hello, Faults: faults, Clock: clk}, s)
				open, idle := call(t, s), call(t, s)
				for _, l := range []*line{open, idle} {
					if got := l.ask(10 * time.Second); got != "HTTP/1.1 200 OK" {
						t.Fatalf("before anything is broken: %s", got)
					}
				}
				f := fault.Fault{Target: target, Kind: fault.Blackhole}
				if end == "lease" {
					f.Lease = lease
				}
				begun := time.Now()
				inject(t, faults, f)
				if got := open.ask(patience); got != "silence" {
					t.Errorf("an open connection: %s", got)
				}
				fresh, shaken := call(t, s), make(chan error, 1)
				go func() { shaken <- fresh.Conn.(*tls.Conn).HandshakeContext(t.Context()) }()
				wait := patience
				if tt.shakes {
					wait = 10 * time.Second
				}
				select {
				case err := <-shaken:
					if !tt.shakes || err != nil {
						t.Fatalf("a new connection's handshake ended: %v", err)
					}
					if got := fresh.ask(patience); got != "silence" {
						t.Errorf("a request on a new connection: %s", got)
					}
				case <-time.After(wait):
					if tt.shakes {
						t.Fatal("the load balancer does not shake hands")
					}
				}
				if end == "healed" {
					cure(t, faults)
				} else { // nobody does anything: the moment is the clock's
					time.Sleep(lease/speed - time.Since(begun))
				}
				if got := call(t, s).ask(10 * time.Second); got != "HTTP/1.1 200 OK" {
					t.Errorf("at the end of it: %s", got)
				}
				open.ended(!tt.shakes)
				if tt.shakes {
					fresh.ended(false)
					if got := idle.ask(10 * time.Second); got != "HTTP/1.1 200 OK" {
						t.Errorf("a connection to the load balancer that asked for nothing meanwhile: %s", got)
					}
					return
				}
				idle.ended(true)
				select {
				case err := <-shaken:
					if err == nil {
						t.Error("a handshake that began in silence ended well")
					}
				case <-time.After(5 * time.Second):
					t.Error("a handshake that began in silence is held beyond its end")
				}
			})
		}
	}
}

// What is in progress when a region falls silent gets no answer from it, at any front.
func TestBlackholeTakesWhatIsInProgress(t *testing.T) {
	for _, front := range []plane.Front{plane.AzureApp, plane.RunApp, plane.GoogleALB} {
		t.Run(string(front), func(t *testing.T) {
			entered, answer := make(chan struct{}), make(chan struct{})
			slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-answer
				_, _ = io.WriteString(w, "late")
			})
			s := siteOf(t, front, freePort(t))
			var faults fault.Set
			serve(t, Options{Runtimes: functions{s.Function: {HTTP: slow}}, Faults: &faults}, s)
			l, heard := call(t, s), make(chan string, 1)
			go func() { heard <- l.ask(time.Second) }()
			<-entered
			inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Blackhole})
			close(answer)
			if got := <-heard; got != "silence" {
				t.Errorf("what was in progress: %s", got)
			}
			cure(t, &faults)
			l.ended(front != plane.GoogleALB)
		})
	}
}

// A client that gives up is let go at once, so that a drill's thousands of clients do not pile up: no front holds what nobody waits for.
func TestBlackholeLetsGoOfWhoGivesUp(t *testing.T) {
	for _, front := range []plane.Front{plane.APIGateway, plane.GoogleALB} {
		t.Run(string(front), func(t *testing.T) {
			s := siteOf(t, front, freePort(t))
			var faults fault.Set
			f := serve(t, Options{Runtimes: hello, Faults: &faults}, s)
			inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Blackhole})
			held := func() int {
				l := f.listeners[s.Listen]
				l.mu.Lock()
				defer l.mu.Unlock()
				return len(l.conns)
			}
			for range 5 {
				l := call(t, s)
				if got := l.send(patience, "POST / HTTP/1.1\r\nHost: "+name+"\r\nContent-Length: 3\r\n\r\nabc"); got != "silence" {
					t.Errorf("asking: %s", got)
				}
				_ = l.Conn.(*tls.Conn).NetConn().Close()
			}
			for deadline := time.Now().Add(10 * time.Second); held() > 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d connections are held that nobody waits on", held())
				}
			}
		})
	}
}

// Of two regions behind one address only the one that is silent is: by the name in the handshake, and by that in the request.
func TestBlackholeOfOneOfTwo(t *testing.T) {
	s := siteOf(t, plane.APIGateway, freePort(t))
	other := siteOf(t, plane.APIGateway, s.Listen)
	other.ID, other.Region, other.Hosts = "other", "aws/eu-west-1", []plane.Host{host(t, "other.example.test")}
	var faults fault.Set
	serve(t, Options{Runtimes: hello, Faults: &faults}, s, other)
	inject(t, &faults, fault.Fault{Target: other.Region, Kind: fault.Blackhole})
	l := call(t, s)
	if got := l.ask(10 * time.Second); got != "HTTP/1.1 200 OK" {
		t.Errorf("the region that is well: %s", got)
	}
	if got := l.send(patience, "GET / HTTP/1.1\r\nHost: other.example.test\r\n\r\n"); got != "silence" {
		t.Errorf("a request for the silent one on the other's connection: %s", got)
	}
	raw, err := net.DialTimeout("tcp", s.Listen.String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	if err := tls.Client(raw, &tls.Config{ServerName: "other.example.test", InsecureSkipVerify: true}).Handshake(); !errors.Is(err, os.ErrDeadlineExceeded) { //nolint:gosec // as above
		t.Errorf("a handshake with the silent one: %v", err)
	}
}

// A front's own patience with a client does not end a silence.
func TestBlackholeOutlastsDeadlines(t *testing.T) {
	s := siteOf(t, plane.APIGateway, freePort(t))
	var faults fault.Set
	f := serve(t, Options{Runtimes: hello, Faults: &faults}, s)
	inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Blackhole})
	near, far := net.Pipe()
	defer far.Close()
	c := &conn{Conn: near, l: f.listeners[s.Listen]}
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Errorf("it ends: %v", err)
	case <-time.After(patience):
		_ = far.Close()
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("when the client is gone: %v", err)
		}
	}
}

// Whoever judges by the time an answer takes is told that none comes, so that a probe ends by its documented timeout.
func TestBlackholeIsAnEndlessDelay(t *testing.T) {
	s := siteOf(t, plane.GoogleALB, freePort(t))
	var faults fault.Set
	f := serve(t, Options{Runtimes: hello, Faults: &faults}, s)
	at := net.TCPAddrFromAddrPort(s.Listen)
	inject(t, &faults, fault.Fault{Target: s.Region, Kind: fault.Blackhole})
	if got := f.Delay(at, name); got != math.MaxInt64 {
		t.Errorf("the delay is %s", got)
	}
	cure(t, &faults)
	if got := f.Delay(at, name); got != 0 {
		t.Errorf("when it is over the delay is %s", got)
	}
}

// Health checks fail, and nothing else; errors that spare health checks are the other way round.
func TestHealthOnly(t *testing.T) {
	for _, front := range everyFront {
		t.Run(string(front), func(t *testing.T) {
			var faults fault.Set
			s := siteOf(t, front, freePort(t))
			serve(t, Options{Runtimes: hello, Faults: &faults}, s)
			c := client(t, s.Listen)
			for _, tt := range []struct {
				fault          fault.Fault
				health, others int
			}{
				{fault.Fault{Kind: fault.HealthFail}, http.StatusServiceUnavailable, http.StatusOK},
				{fault.Fault{Kind: fault.Errors, Rate: 1, SparesHealth: true}, http.StatusOK, http.StatusServiceUnavailable},
				{fault.Fault{Kind: fault.Errors, Rate: 1}, http.StatusServiceUnavailable, http.StatusServiceUnavailable},
			} {
				tt.fault.Target = s.Region
				inject(t, &faults, tt.fault)
				for path, want := range map[string]int{
					"/health": tt.health, "/health?deep=1": tt.health, "/ready": tt.health, "/": tt.others, "/hello": tt.others, "/health/x": tt.others,
				} {
					if resp, _ := get(t, c, "https://"+name+path); resp.StatusCode != want {
						t.Errorf("%s under %s, sparing health checks %t: %d, want %d", path, tt.fault.Kind, tt.fault.SparesHealth, resp.StatusCode, want)
					}
				}
				cure(t, &faults)
			}
		})
	}
}
