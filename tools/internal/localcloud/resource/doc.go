// Package resource is the control plane of the local clouds without any cloud in it: a store of records, a way to
// describe a resource type, and a Controller that carries out what the Pulumi engine asks of a provider.
//
// # The flow
//
// Everything goes one way. Resources are pure data in a Store. After each committed change the store calls its change
// hook; the assembly then projects all records into a plane.World and the data plane serves that. No hook of a type
// starts a process, opens a port or remembers anything outside the store.
//
// # How to write a type
//
// A Cloud is a list of Types and Invokes. A Type says as much as it can as data, and the rest in hooks:
//
//	var logGroup = &resource.Type{
//		Token: "aws:cloudwatch/logGroup:LogGroup",
//		Label: "CloudWatch Logs Log Group",
//		Properties: []resource.Property{
//			{Name: "name", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^[.\-_/#A-Za-z0-9]+$`)},
//			{Name: "retentionInDays", Kind: resource.Int, Default: 0.0, OneOf: []any{0.0, 1.0, 3.0}},
//			{Name: "region", Kind: resource.String, Immutable: true, FromConfig: "region"},
//		},
//		Unmodelled: []string{"kmsKeyId"},
//		Computed:   []string{"arn"},
//		Scope:      []string{"region"},
//		Unique:     []string{"name", "region"},
//		AutoName:   &resource.AutoName{Property: "name", Max: 512},
//		Conflict:   func(in resource.Props) error { return alreadyExists(in.Str("name")) },
//		Create: func(ctx context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
//			return in.Str("name"), resource.Props{"arn": arnOf(env, in)}, nil
//		},
//	}
//
// The framework does the following from the data:
//   - Check refuses properties that are neither in Properties nor Unmodelled (a typing error in a raw resource), those
//     in Unmodelled (the real cloud knows them, the local one would silently ignore them), missing required ones,
//     wrong kinds, ranges, enumerations and patterns; it fills in defaults, provider configuration and automatic
//     names. Unknown values of a preview pass every check. The Check hook then adds what needs more than one property.
//   - Diff compares the old inputs with the new ones, per property: Immutable replaces, Ignored is left out, Set does
//     not mind the order, JSON compares documents and not their spelling, Fold does not mind letter case, archives
//     compare by hash. When a replacement keeps every property named in Unique, the old one is deleted first.
//   - Create refuses an equal Unique tuple with the Conflict error, and stores what the hook returned.
//   - Read, Update and Delete of something that is not there behave as the engine expects: Read answers nothing,
//     Update says so, Delete succeeds.
//
// Outputs: what a hook returns holds only what the cloud computes. The record's inputs are put under it, so that every
// input is an output too. Name all computed outputs in Computed (a preview reports them as unknown), and those that an
// update changes in Volatile as well. Where the cloud adds fields to an object that is an input, name them in that
// Property's Computed. What only the cloud may know (a private key) goes under PrivateKey and ends in Record.Private.
//
// # Hooks
//
// Prepare runs before a create or update, without a lock, and may take its time: wait with Env.Wait for something to
// appear in the records, in cloud time. Create, Update and Delete run one at a time across all providers, inside a
// transaction over the store: Env.View shows the current records, and what they return is committed as one with what
// they changed through Env.Amend and Env.Remove. They must be quick and must not wait. Returning an error leaves the
// store as it was.
//
// Errors are the cloud's own, in the cloud's words: give an *Error with the cloud's code, so that programs and tests
// can tell them apart without reading text.
//
// # Values
//
// Props is the plain form of a property map. Values are nil, bool, float64, string, []any, Props, Blob (an asset or
// archive, copied into the store before hooks run; see Env.BlobFile) and Unknown (previews only). The accessors return
// the zero value for what is absent or unknown; Has tells whether a known, non-null value is there. Records and the
// Props in them are shared: never change one in place, take Props.Clone.
package resource
