package lambda

import (
	"context"
	"errors"
	"sync"
)

// Warm starts the instances that are provisioned and returns when they wait for events, as a provisioned concurrency that is
// READY. Those that do not start are left out: requests then start others. They stay however long nobody calls, and one that
// ends is started anew. Source: "Configuring provisioned concurrency for a function",
// docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html.
func (f *Function) Warm(ctx context.Context) {
	var wg sync.WaitGroup
	for range min(f.o.Function.Warm, f.o.Function.Instances) {
		wg.Go(func() {
			if err := f.provision(); err != nil && !errors.Is(err, ErrClosed) {
				f.o.Log.Add("PROVISIONED_CONCURRENCY " + err.Error())
			}
		})
	}
	ready := make(chan struct{})
	go func() { wg.Wait(); close(ready) }()
	select {
	case <-ready:
	case <-ctx.Done():
	}
}

// provision starts one instance ahead of any event.
func (f *Function) provision() error {
	f.mu.Lock()
	if f.closed || f.slots >= f.o.Function.Instances {
		f.mu.Unlock()
		return ErrClosed
	}
	f.slots++
	f.running.Add(1)
	f.mu.Unlock()
	defer f.running.Done()
	inst, err := f.launch(provisioned)
	if err != nil {
		f.release()
		return err
	}
	if r, ok := inst.initialise(f.o.InitTimeout); !ok {
		f.forget(inst)
		f.release()
		return errors.New("an instance does not start: " + r.ErrType)
	}
	f.rest(inst)
	return nil
}
