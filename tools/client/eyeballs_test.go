package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/client/clienttest"
)

// lookups and hosts of a race; times are since its beginning, or since the attempt.
type course struct {
	six, four   []string      // addresses
	sixAt       time.Duration // when the answer comes; negative brings none at all
	fourAt      time.Duration
	connects    map[string]time.Duration // how long a connection takes; a negative one fails after that, one that is absent never comes
	want        []string                 // "address@time" of each attempt
	winner      string                   // "" for none
	wantErr     error
	sixBrings   error // in place of an answer
	fourBrings  error
	unreachable time.Duration // after which the request is given up
}

var errRefused = errors.New("connection refused")

func TestRace(t *testing.T) {
	const ms = time.Millisecond
	six, four := []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"}, []string{"192.0.2.1", "192.0.2.2"}
	tests := map[string]course{
		"both answer: AAAA first, and IPv6 alone is tried (RFC 8305, 4)": {
			six: six[:1], four: four[:1], connects: map[string]time.Duration{six[0]: 10 * ms, four[0]: 1 * ms},
			want: []string{six[0] + "@0s"}, winner: six[0]},
		"A comes first, AAAA within the resolution delay (3)": {
			six: six[:1], four: four[:1], sixAt: 49 * ms, connects: map[string]time.Duration{six[0]: 10 * ms, four[0]: 1 * ms},
			want: []string{six[0] + "@49ms"}, winner: six[0]},
		"A comes first, AAAA after the resolution delay (3)": {
			six: six[:1], four: four[:1], sixAt: 60 * ms, connects: map[string]time.Duration{six[0]: 10 * ms, four[0]: 30 * ms},
			want: []string{four[0] + "@50ms"}, winner: four[0]},
		"A comes first, and there is no AAAA: nothing to wait for (3)": {
			four: four[:1], sixAt: 5 * ms, sixBrings: ErrNoAddress, connects: map[string]time.Duration{four[0]: ms},
			want: []string{four[0] + "@5ms"}, winner: four[0]},
		"AAAA first, A much later": {
			six: six[:1], four: four[:1], fourAt: time.Second, connects: map[string]time.Duration{six[0]: 5 * ms},
			want: []string{six[0] + "@0s"}, winner: six[0]},
		"the server never answers about AAAA": {
			four: four[:1], sixAt: -1, connects: map[string]time.Duration{four[0]: ms},
			want: []string{four[0] + "@50ms"}, winner: four[0]},
		"IPv6 is dead: IPv4 after the connection attempt delay (5)": {
			six: six[:1], four: four[:1], connects: map[string]time.Duration{four[0]: ms},
			want: []string{six[0] + "@0s", four[0] + "@250ms"}, winner: four[0]},
		"IPv6 refuses: IPv4 at once": {
			six: six[:1], four: four[:1], connects: map[string]time.Duration{six[0]: -2 * ms, four[0]: ms},
			want: []string{six[0] + "@0s", four[0] + "@2ms"}, winner: four[0]},
		"the slower one may still win": {
			six: six[:1], four: four[:1], connects: map[string]time.Duration{six[0]: 260 * ms, four[0]: 500 * ms},
			want: []string{six[0] + "@0s", four[0] + "@250ms"}, winner: six[0]},
		"families by turns (4)": {
			six: six, four: four, connects: map[string]time.Duration{six[2]: ms},
			want: []string{six[0] + "@0s", four[0] + "@250ms", six[1] + "@500ms", four[1] + "@750ms", six[2] + "@1s"}, winner: six[2]},
		"what comes late joins the list (3)": {
			six: six[:1], four: four, sixAt: 100 * ms, connects: map[string]time.Duration{six[0]: ms},
			want: []string{four[0] + "@50ms", six[0] + "@300ms"}, winner: six[0]},
		"all refuse": {
			six: six[:1], four: four[:1], connects: map[string]time.Duration{six[0]: -ms, four[0]: -ms},
			want: []string{six[0] + "@0s", four[0] + "@1ms"}, wantErr: errRefused},
		"no address of either family": {sixBrings: ErrNoAddress, fourBrings: ErrNoAddress, wantErr: ErrNoAddress},
		"one unknown, one unanswered": {sixBrings: ErrServer, fourBrings: ErrNoAddress, wantErr: ErrServer},
		"nothing ever connects": {
			six: six[:1], four: four[:1], unreachable: 3 * time.Second,
			want: []string{six[0] + "@0s", four[0] + "@250ms"}, wantErr: context.DeadlineExceeded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { synctest.Test(t, tt.run) })
	}
}

func (c course) run(t *testing.T) {
	ctx := t.Context()
	if c.unreachable > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.unreachable)
		defer cancel()
	}
	began := time.Now()
	var mu sync.Mutex
	var tries []string
	open := map[string]net.Conn{} // ends of connections that came about, by address
	r := &race{host: host, found: make(chan found, 2), pending: 2}
	r.connect = func(ctx context.Context, p path) (*conn, error) {
		ip := p.address.Addr().String()
		mu.Lock()
		tries = append(tries, ip+"@"+time.Since(began).String())
		mu.Unlock()
		takes, ok := c.connects[ip]
		if !ok {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		time.Sleep(takes.Abs())
		if takes < 0 {
			return nil, errRefused
		}
		near, far := net.Pipe()
		mu.Lock()
		open[ip] = far
		mu.Unlock()
		return &conn{Conn: near, path: p}, nil
	}
	answer := func(f family, addrs []string, at time.Duration, err error) {
		if at < 0 {
			return
		}
		time.Sleep(at)
		var a Answer
		for _, ip := range addrs {
			a.Addrs = append(a.Addrs, netip.MustParseAddr(ip))
		}
		if err == nil && len(addrs) == 0 {
			err = ErrNoAddress
		}
		r.found <- found{f, a, err}
	}
	go answer(six, c.six, c.sixAt, c.sixBrings)
	synctest.Wait()
	go answer(four, c.four, c.fourAt, c.fourBrings)
	won, err := r.runWith(ctx, func(a Answer) (out []path) {
		for _, ip := range a.Addrs {
			out = append(out, path{address: netip.AddrPortFrom(ip, 443)})
		}
		return out
	})
	if !errors.Is(err, c.wantErr) {
		t.Errorf("error %v, want %v", err, c.wantErr)
	}
	if winner := ""; won != nil {
		if winner = won.address.Addr().String(); winner != c.winner {
			t.Errorf("%s won, want %q", winner, c.winner)
		}
		_ = won.Close()
	} else if c.winner != "" {
		t.Errorf("nobody won: want %s", c.winner)
	}
	time.Sleep(time.Minute) // whatever was under way has come to its end
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(tries, c.want) {
		t.Errorf("tried %v, want %v", tries, c.want)
	}
	for ip, far := range open { // of a connection that nobody has closed the other end waits for ever: the bubble would not end
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Errorf("the connection to %s carried something", ip)
		}
	}
}

const host = "example.com"

// On real sockets: IPv6 leads to a host that answers no SYN, and IPv4 answers after the connection attempt delay.
func TestDeadIPv6(t *testing.T) {
	srv, pool := site(t, func(http.ResponseWriter, *http.Request) {})
	dead := netip.MustParseAddrPort(clienttest.Full(t))
	s := newScript(t)
	s.say("example.com.", "example.com. 60 IN A 192.0.2.1\nexample.com. 60 IN AAAA 2001:db8::1")
	o := Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, IPv6: true,
		Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
			if ip.Is6() {
				return dead, nil
			}
			return netip.MustParseAddrPort(srv.Listener.Addr().String()), nil
		}}
	r, err := newClient(t, o).Get(t.Context(), "https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if r.Address.Port() != port(t, srv) || r.Answer.Addrs[0].String() != "192.0.2.1" {
		t.Errorf("answered by %s for %v", r.Address, r.Answer.Addrs)
	}
	if at := r.Times.Connected; at < attemptDelay || at > 8*attemptDelay {
		t.Errorf("connected after %s, want %s and hardly more", at, attemptDelay)
	}
	var asked []string
	for _, q := range s.set(nil) {
		asked = append(asked, strings.TrimPrefix(q, "udp "))
	}
	if len(asked) != 2 {
		t.Errorf("asked %v: want one question a family", asked)
	}
}
