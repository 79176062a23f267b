//go:build !without_redis

package redis

import (
	"context"
	"crypto/tls"
	"encoding"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"polygate.example/shared/ratelimit"
)

// Present reports whether the binary holds the client.
const Present = true

const (
	// connections are twice those that are in use, which leaves room for some whose answer nobody waits for any more.
	connections = 2 * ratelimit.Connections
	dialLimit   = 1500 * time.Millisecond
)

// Client is the store.
type Client struct {
	opts Options

	mu     sync.RWMutex
	closed bool
	client *redis.Client
	at     Address
	shas   [2]string
}

// New makes the store; nothing is connected yet.
func New(opts Options) (ratelimit.Store, error) {
	// The library writes to the standard error output beside the gateway's log, and names addresses there, which may be secrets.
	// What goes wrong is told by the errors of this package.
	logging.Disable()
	return &Client{opts: opts}, nil
}

// Open loads the scripts, over a new client if the address has changed.
func (c *Client) Open(ctx context.Context) error {
	at, err := c.opts.Address(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	if c.client == nil || at != c.at {
		if c.client != nil {
			_ = c.client.Close() // its operations fail, as the address that they went to is not the one any more
		}
		c.client, c.at = c.connect(at), at
	}
	client := c.client
	c.mu.Unlock()

	pipe := client.Pipeline()
	rate, quota := pipe.ScriptLoad(ctx, rateScript), pipe.ScriptLoad(ctx, quotaScript)
	if _, err := pipe.Exec(ctx); err != nil {
		return reason(err)
	}
	c.mu.Lock()
	c.shas = [2]string{rate.Val(), quota.Val()}
	c.mu.Unlock()
	return nil
}

var errClosed = errors.New("redis: closed")

// Grow has a connection made: a command goes by one that is free, and there is none.
func (c *Client) Grow(ctx context.Context) error {
	c.mu.RLock()
	client := c.client
	c.mu.RUnlock()
	if client == nil {
		return errNotOpened
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return reason(err)
	}
	return nil
}

var errNotOpened = errors.New("redis: not opened")

// Close ends all connections, and none is made any more.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.client == nil {
		return nil
	}
	err := c.client.Close()
	c.client = nil
	return err
}

func (c *Client) connect(at Address) *redis.Client {
	o := &redis.Options{
		Addr: at.Host, Username: at.Username, Password: at.Password, DB: at.Database,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}, // one round trip less
		MaxRetries: -1, DialerRetries: 1, DialTimeout: dialLimit, ReadTimeout: -1, WriteTimeout: -1, ContextTimeoutEnabled: true, // who calls has the patience, and decides what comes after
		PoolSize: connections, MaxActiveConns: connections, ConnMaxIdleTime: ratelimit.IdleLimit,
		PipelinePoolSize: -1, // a pool of its own for batches would have connections of its own
		Dialer:           c.dial(at),
	}
	return redis.NewClient(o)
}

// dial connects without leaving the address in the error.
func (c *Client) dial(at Address) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialLimit)
		defer cancel()
		raw, err := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tcp, ok := raw.(*net.TCPConn); ok {
			raw = &patient{tcp}
		}
		if !at.TLS {
			return raw, nil
		}
		secure := tls.Client(raw, c.configFor(addr))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error says why
			return nil, err
		}
		return secure, nil
	}
}

// configFor is how the server at an address is known: by its name, if nothing else is said.
func (c *Client) configFor(addr string) *tls.Config {
	config := c.opts.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			config.ServerName = host
		}
	}
	return config
}

// patient is a connection that looks once more when its time is over: a process that did not run meanwhile, as it was frozen or others
// had its processors, finds the end of the time and the answer at once, and the answer was not late.
type patient struct{ *net.TCPConn }

// glance is for what has come already, not for what may come.
const glance = time.Millisecond

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.TCPConn.Read(b)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		if err := p.SetReadDeadline(time.Now().Add(glance)); err != nil {
			return 0, err
		}
		return p.TCPConn.Read(b)
	}
	return n, err
}

// Apply runs the script of each operation; all of them go out at once.
func (c *Client) Apply(ctx context.Context, ops []ratelimit.Op, sent func()) ([]ratelimit.Result, error) {
	c.mu.RLock()
	client, shas := c.client, c.shas
	c.mu.RUnlock()
	if client == nil {
		return nil, errNotOpened
	}
	if len(ops) == 1 {
		res, err := result(run(ctx, client, shas, ops[0], sent))
		return []ratelimit.Result{res}, err
	}
	pipe := client.Pipeline()
	cmds := make([]*redis.Cmd, len(ops))
	for i, op := range ops {
		cmds[i] = run(ctx, pipe, shas, op, sent)
		sent = nil // with the first of them
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, reason(err)
	}
	out := make([]ratelimit.Result, len(ops))
	for i, cmd := range cmds {
		var err error
		if out[i], err = result(cmd); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func run(ctx context.Context, c redis.Scripter, shas [2]string, op ratelimit.Op, sent func()) *redis.Cmd {
	var take any = 0
	if op.Take {
		take = 1
	}
	if sent != nil {
		take = told{take == 1, sent}
	}
	if op.Rate {
		return c.EvalSha(ctx, shas[0], []string{op.Key}, op.Cost, op.Capacity, op.Count, int64(op.Age), op.Floor, take)
	}
	return c.EvalSha(ctx, shas[1], []string{op.Key}, op.Capacity, op.Count, op.Floor, take, op.Keep.Milliseconds())
}

// told is an argument that tells when it is written: the library does so when it has a connection that is signed in, and tells of that
// in no other way.
type told struct {
	take bool
	sent func()
}

func (t told) MarshalBinary() ([]byte, error) {
	t.sent()
	if t.take {
		return one, nil
	}
	return zero, nil
}

var one, zero = []byte("1"), []byte("0")

func result(cmd *redis.Cmd) (ratelimit.Result, error) {
	answer, err := cmd.StringSlice()
	if err != nil {
		return ratelimit.Result{}, reason(err)
	}
	if len(answer) == 2 {
		if spent, err := strconv.ParseInt(answer[1], 10, 64); err == nil {
			return ratelimit.Result{Allowed: answer[0] == "1", Spent: spent}, nil
		}
	}
	return ratelimit.Result{}, errors.New("redis: the script's answer cannot be read")
}

// reason is an error without anything that may be a secret: of the server's own words only the first, which is a code, and no
// address.
func reason(err error) error {
	var own redis.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return errors.New("redis: no answer in time")
	case errors.As(err, &dns):
		return errors.New("redis: the name of the server cannot be resolved")
	case errors.As(err, &cert):
		return errors.New("redis: the server's certificate is not trusted")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("redis: the connection is refused: is the server running, and is this its port?")
	case errors.As(err, &own):
		code, _, _ := strings.Cut(err.Error(), " ")
		return fmt.Errorf("redis: the server answers with %.32q", code)
	}
	return errors.New("redis: the connection broke")
}

var (
	_ ratelimit.Store          = (*Client)(nil)
	_ ratelimit.Grower         = (*Client)(nil)
	_ encoding.BinaryMarshaler = told{}
	_ io.Closer                = (*Client)(nil)
)
