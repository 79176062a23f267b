package provider

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc/stats"

	"polygate.example/tools/internal/localcloud/resource"
)

// errCancelled is why an operation ended when the engine was interrupted.
var errCancelled = errors.New("cancelled by the engine")

// connection is what belongs to one engine connection. The engine opens one per provider instance of the program and
// sends no instance with its requests, so the connection is the only way to tell whose configuration holds.
type connection struct {
	mu     sync.Mutex
	config resource.Props
	ctx    context.Context // ends at the next Cancel
	cancel context.CancelCauseFunc
}

func newConnection() *connection {
	c := &connection{}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// bind makes a request's context end when the engine cancels. The returned function releases it.
func (c *connection) bind(ctx context.Context) (context.Context, func()) {
	c.mu.Lock()
	parent := c.ctx
	c.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(parent, func() { cancel(context.Cause(parent)) })
	return ctx, func() { stop(); cancel(nil) }
}

// interrupt ends every operation under way on this connection. Later ones, of this or another run, are not affected.
func (c *connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel(errCancelled)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
}

func (c *connection) configure(p resource.Props) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = p
}

func (c *connection) settings() resource.Props {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

type connectionKey struct{}

// connectionOf returns the connection a request came in on.
func connectionOf(ctx context.Context) *connection {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		return c
	}
	return newConnection() // a direct call, without gRPC
}

// tagger gives each gRPC connection its own state.
type tagger struct{}

func (tagger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, newConnection())
}
func (tagger) HandleConn(context.Context, stats.ConnStats)                     {}
func (tagger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (tagger) HandleRPC(context.Context, stats.RPCStats)                       {}

var _ stats.Handler = tagger{}
