package azure

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// A role assignment does not act at once: "it can take up to 10 minutes for changes to take effect". Until then storage
// answers the app's identity with 403, and OneDeploy, which uploads the package as that identity, fails with it.
// Source: "Troubleshoot Azure RBAC", role assignment changes are not being detected, learn.microsoft.com/azure/
// role-based-access-control/troubleshooting; hashicorp/terraform-provider-azurerm issue #29630.
//
// So `up` does two things, both with hooks:
//
//   - it waits before an app's first publication (provider.Settle), for longer than storage mostly needs;
//   - it tries a publication again that is refused all the same, growing slower, for about ten minutes (retry).
//
// The first publication of all is not tried again: it is a deployment, which exists once it was started, also when it
// failed, and azure-native refuses to create what exists. An engine without pulumi/pulumi PR #24684 would create again
// instead of updating, and then forget the failed deployment altogether (issue #24683). Left alone, it is in the state
// as failed, and the next `up` updates it, with all the attempts.
const (
	settleTime    = 2 * time.Minute
	firstWait     = 15 * time.Second
	longestWait   = 90 * time.Second
	mostAttempts  = 10
	opUpdate      = "update" // the operation as the engine names it
	hookRetry     = "-publish-again"
	codeStorage   = "AuthorizationPermissionMismatch" // blob service: the identity has no data role (yet)
	codeOneDeploy = "InaccessibleStorageException"    // the same as OneDeploy reports it
)

// propagation waits for grants. Its hooks are registered once per account.
type propagation struct {
	settings settings.Settings
	settle   *pulumi.ResourceHook
	retry    *pulumi.ErrorHook
}

func newPropagation(ctx *pulumi.Context, name string, s settings.Settings) (*propagation, error) {
	p := &propagation{settings: s}
	var err error
	if p.settle, err = provider.Settle(ctx, name, s, settleTime); err != nil {
		return nil, err
	}
	p.retry, err = ctx.RegisterErrorHook(name+hookRetry, func(args *pulumi.ErrorHookArgs) (bool, error) {
		wait, again := p.again(args)
		if !again || ctx.DryRun() {
			return false, nil
		}
		return true, provider.Pause(ctx.Context(), wait)
	})
	if err != nil {
		return nil, fmt.Errorf("hook for refused publications: %w", err)
	}
	return p, nil
}

// patient makes a publication wait for the grants it needs.
func (p *propagation) patient() pulumi.ResourceOption {
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{
		BeforeCreate: []*pulumi.ResourceHook{p.settle}, OnError: []*pulumi.ErrorHook{p.retry},
	})
}

// again says whether to try again, and after which time on this machine's clock. The engine hands over the errors of
// all attempts so far, newest first, as text: the codes in it are all there is to tell them apart by.
func (p *propagation) again(args *pulumi.ErrorHookArgs) (time.Duration, bool) {
	failures := len(args.Errors)
	if args.FailedOperation != opUpdate || failures == 0 || failures >= mostAttempts {
		return 0, false
	}
	if newest := args.Errors[0]; !strings.Contains(newest, codeStorage) && !strings.Contains(newest, codeOneDeploy) {
		return 0, false
	}
	wait := firstWait
	for range failures - 1 {
		wait = min(2*wait, longestWait)
	}
	return p.settings.Wall(wait), true
}
