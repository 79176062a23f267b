package gcp

import (
	"context"
	"fmt"
	"regexp"

	"polygate.example/tools/internal/localcloud/resource"
)

// Account is the number of the one project of the local Google Cloud; its id is the provider setting "project".
const Account = "612345678901"

// Version is the pulumi-gcp SDK the models follow.
const Version = "9.37.0"

// DefaultProject is the project id taken when the provider has no setting "project".
const DefaultProject = "polygate-local"

// Cloud describes the local Google Cloud.
func Cloud() *resource.Cloud {
	return &resource.Cloud{
		Package: "gcp", Provider: "gcp", Version: Version, Account: Account,
		Types: speaking(
			account(), iamMember(), serviceIamMember(),
			bucket(), bucketObject(), repository(), repositoryIamMember(),
			function(),
			globalAddress(), endpointGroup(), backendService(), urlMap(), sslPolicy(), httpsProxy(), forwardingRule(),
			dnsAuthorization(), certificate(), certificateMap(), certificateMapEntry(), trustConfig(), serverTLSPolicy(),
			secretIamMember(), notificationChannel(), alertPolicy(), uptimeCheck(), budget(), logBucket(), logSink(), logExclusion(),
		),
		Invokes:    []*resource.Invoke{getProject()},
		Configure:  configure,
		SecretName: secretName,
		Outage: func(op resource.Op, label, id string) error {
			return fmt.Errorf("Error %s %s %q: %w", op, label, id, //nolint:staticcheck // the provider's own words
				apiError(503, ReasonBackend, "The service is currently unavailable."))
		},
	}
}

var projectPattern = regexp.MustCompile(projectID)

// configure fills in the project and checks its form.
func configure(config resource.Props) (resource.Props, []resource.Failure) {
	if !config.Has("project") && !config.Unknown("project") {
		config = config.With(resource.Props{"project": DefaultProject})
	}
	if p := config.Str("project"); p != "" && !projectPattern.MatchString(p) {
		return config, []resource.Failure{{Property: "project", Reason: fmt.Sprintf("%q is no project id: it must match %s", p, projectID)}}
	}
	return config, nil
}

// speaking puts the operation and the kind of resource in front of the errors of every hook, as the provider does.
func speaking(types ...*resource.Type) []*resource.Type {
	for _, t := range types {
		say := func(op resource.Op, err error) error {
			if err == nil {
				return nil
			}
			return fmt.Errorf("Error %s %s: %w", op, t.Label, err) //nolint:staticcheck // the provider's own words
		}
		if f := t.Conflict; f != nil {
			t.Conflict = func(in resource.Props) error { return say(resource.OpCreate, f(in)) }
		}
		if f := t.Prepare; f != nil {
			t.Prepare = func(ctx context.Context, env *resource.Env, old *resource.Record, in resource.Props) error {
				op := resource.OpUpdate
				if old == nil {
					op = resource.OpCreate
				}
				return say(op, f(ctx, env, old, in))
			}
		}
		create := t.Create
		t.Create = func(ctx context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id, out, err := create(ctx, env, in)
			return id, out, say(resource.OpCreate, err)
		}
		if f := t.Update; f != nil {
			t.Update = func(ctx context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
				out, err := f(ctx, env, old, in)
				return out, say(resource.OpUpdate, err)
			}
		}
		if f := t.Delete; f != nil {
			t.Delete = func(ctx context.Context, env *resource.Env, old resource.Record) error {
				return say(resource.OpDelete, f(ctx, env, old))
			}
		}
	}
	return types
}

// Properties many types share.
var (
	project     = resource.Property{Name: "project", Kind: resource.String, Immutable: true, FromConfig: "project", Pattern: projectPattern}
	description = resource.Property{Name: "description", Kind: resource.String}
	labels      = resource.Property{Name: "labels", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String, Pattern: labelPattern}}
)

// labelPattern is the form of label values. Source: "Requirements for labels", cloud.google.com/resource-manager/docs/labels-overview.
var labelPattern = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)

// labelOutputs are the outputs that follow from labels; computedLabels fills them in.
var labelOutputs = []string{"effectiveLabels", "pulumiLabels"}

// computedLabels adds the label that the provider puts on everything it makes.
func computedLabels(in resource.Props) resource.Props {
	own := in.Object("labels").Clone()
	all := own.With(resource.Props{"goog-pulumi-provisioned": "true"})
	return resource.Props{"effectiveLabels": all, "pulumiLabels": all}
}

// updateLabels is the Update hook of types of which nothing computed changes but the labels.
func updateLabels(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
	return computedLabels(in), nil
}

// named is the immutable name of a resource, in a form.
func named(form string) resource.Property {
	return resource.Property{Name: "name", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(form)}
}

// autoName makes names of at most n characters when the program gives none.
func autoName(n int) *resource.AutoName {
	return &resource.AutoName{Property: "name", Max: n, Lower: true}
}

// choice is an optional string that is one of values.
func choice(name string, values ...string) resource.Property {
	return resource.Property{Name: name, Kind: resource.String, OneOf: resource.List(asAny(values)...)}
}

func asAny(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// oneOf is choice with a default.
func oneOf(name, standard string, values ...string) resource.Property {
	p := choice(name, append([]string{standard}, values...)...)
	p.Default = standard
	return p
}

func immutable(p resource.Property) resource.Property {
	p.Immutable = true
	return p
}

func required(p resource.Property) resource.Property {
	p.Required = true
	return p
}

// referrer finds the first record of a type one of whose properties refers to rel.
func referrer(v resource.View, token, rel string, properties ...string) (resource.Record, bool) {
	for _, r := range v.List(token) {
		for _, p := range properties {
			if relative(r.Inputs.Str(p)) == rel {
				return r, true
			}
			for _, s := range r.Inputs.Strings(p) {
				if relative(s) == rel {
					return r, true
				}
			}
		}
	}
	return resource.Record{}, false
}
