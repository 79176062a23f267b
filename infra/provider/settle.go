package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/settings"
)

// Settle makes a hook that waits, before a resource is created, until the grants it needs can be expected to act: clouds
// take minutes to spread them. wait is cloud time. The hook belongs before the resource and not behind the grants, because
// the engine holds a resource's lock during a hook after it, and nothing else can be saved. Hooks are Pulumi's own
// (pulumi.com/docs/iac/concepts/resources/options/hooks); name is unique in the stack.
func Settle(ctx *pulumi.Context, name string, s settings.Settings, wait time.Duration) (*pulumi.ResourceHook, error) {
	hook, err := ctx.RegisterResourceHook(name+"-grants-settle", func(*pulumi.ResourceHookArgs) error {
		return Pause(ctx.Context(), s.Wall(wait))
	}, nil) // not in a preview, which creates nothing
	if err != nil {
		return nil, fmt.Errorf("hook that lets grants settle: %w", err)
	}
	return hook, nil
}

// Pause waits, or returns the context's error when the run is cancelled. wall is time on this machine's clock.
func Pause(ctx context.Context, wall time.Duration) error {
	timer := time.NewTimer(wall)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
