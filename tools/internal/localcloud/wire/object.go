package wire

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// What a record of an object keeps of what was put by the cloud's own API.
const (
	privateData    = "data"    // base64
	privateWritten = "written" // RFC 3339, by this machine's clock: objects are shown to programs that know no cloud time
)

// objects are what lies in the buckets and containers of one cloud, whether a deployment or a call put it there.
type objects struct {
	store           *resource.Store
	provider, token string
	name            string // the property that says what an object is called
}

// find finds an object.
func (o objects) find(v resource.View, match resource.Props) (resource.Record, bool) {
	for _, r := range v.Where(o.token, o.name, match[o.name]) {
		same := true
		for k, want := range match {
			same = same && r.Inputs[k] == want
		}
		if same {
			return r, true
		}
	}
	return resource.Record{}, false
}

// data is what an object holds.
func (o objects) data(r resource.Record) ([]byte, error) {
	if r.Private.Has(privateData) {
		return base64.StdEncoding.DecodeString(r.Private.Str(privateData))
	}
	if b, ok := r.Inputs.Blob("source"); ok {
		return os.ReadFile(o.store.BlobFile(b))
	}
	return []byte(r.Inputs.Str("content")), nil
}

// written is when.
func (o objects) written(r resource.Record) time.Time {
	if at, err := time.Parse(time.RFC3339, r.Private.Str(privateWritten)); err == nil {
		return at
	}
	return r.Created
}

// put writes an object if check allows it, which sees the one that is there; computed makes its outputs.
func (o objects) put(ctx context.Context, id, scope string, where resource.Props, data []byte, check func(old resource.Record, exists bool) error,
	computed func(old resource.Record) resource.Props) (resource.Record, error) {
	var out resource.Record
	err := o.store.Put(context.WithoutCancel(ctx), func(v resource.View) (*resource.Record, error) {
		old, exists := o.find(v, where)
		if err := check(old, exists); err != nil {
			return nil, err
		}
		out = old
		if !exists {
			out = resource.Record{Provider: o.provider, Type: o.token, ID: id, Scope: scope, Inputs: where, Created: time.Now().UTC().Truncate(time.Second)}
		}
		out.Computed = out.Computed.With(computed(old))
		out.Private = out.Private.With(resource.Props{
			privateData: base64.StdEncoding.EncodeToString(data), privateWritten: time.Now().UTC().Format(time.RFC3339),
		})
		return &out, nil
	})
	if err != nil {
		return resource.Record{}, fmt.Errorf("put %s: %w", id, err)
	}
	return out, nil
}
