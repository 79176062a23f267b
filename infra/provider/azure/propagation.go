package azure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
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
	hookReferred  = "-references-settle"
	codeStorage   = "AuthorizationPermissionMismatch" // blob service: the identity has no data role (yet)
	codeOneDeploy = "InaccessibleStorageException"    // the same as OneDeploy reports it
)

// propagation waits for grants. Its hooks are registered once per account.
type propagation struct {
	settings settings.Settings
	settle   *pulumi.ResourceHook
	retry    *pulumi.ErrorHook
	referred *pulumi.ResourceHook // nil without secrets
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
	if len(s.Secrets) == 0 {
		return p, nil
	}
	p.referred, err = ctx.RegisterResourceHook(name+hookReferred, func(args *pulumi.ResourceHookArgs) error {
		if !refersAnew(args.OldInputs, args.NewInputs) {
			return nil
		}
		return provider.Pause(ctx.Context(), p.settings.Wall(settleTime))
	}, nil) // not in a preview, which changes nothing
	if err != nil {
		return nil, fmt.Errorf("hook for references to secrets: %w", err)
	}
	return p, nil
}

// resolved makes an app wait for the grants that its references to secrets need: before it is made, and before it is changed
// to refer to one more. A reference is looked up when the app's configuration changes, and else once a day; one that is
// looked up too early leaves its own text in the variable until then. Source: "Use Key Vault references as app settings",
// rotation and troubleshooting.
func (p *propagation) resolved() pulumi.ResourceOption {
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{
		BeforeCreate: []*pulumi.ResourceHook{p.settle}, BeforeUpdate: []*pulumi.ResourceHook{p.referred},
	})
}

// refersAnew reports whether an app's new inputs hold a reference to a secret that its old ones did not.
func refersAnew(before, after resource.PropertyMap) bool {
	known := references(before)
	return slices.ContainsFunc(references(after), func(r string) bool { return !slices.Contains(known, r) })
}

// references lists the values of app settings that refer to a Key Vault.
func references(inputs resource.PropertyMap) []string {
	var out []string
	for _, e := range array(object(bare(inputs["siteConfig"]))["appSettings"]) {
		value := bare(object(bare(e))["value"])
		if value.IsString() && strings.HasPrefix(value.StringValue(), "@Microsoft.KeyVault(") {
			out = append(out, value.StringValue())
		}
	}
	return out
}

// bare is a value without the marks of secrets and of outputs.
func bare(v resource.PropertyValue) resource.PropertyValue {
	switch {
	case v.IsSecret():
		return bare(v.SecretValue().Element)
	case v.IsOutput():
		return bare(v.OutputValue().Element)
	}
	return v
}

func object(v resource.PropertyValue) resource.PropertyMap {
	if !v.IsObject() {
		return nil
	}
	return v.ObjectValue()
}

func array(v resource.PropertyValue) []resource.PropertyValue {
	if v = bare(v); !v.IsArray() {
		return nil
	}
	return v.ArrayValue()
}

// patient makes a publication wait for the grants it needs, unless its app has waited for them.
func (p *propagation) patient(waited bool) pulumi.ResourceOption {
	hooks := &pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{p.retry}}
	if !waited {
		hooks.BeforeCreate = []*pulumi.ResourceHook{p.settle}
	}
	return pulumi.ResourceHooks(hooks)
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
