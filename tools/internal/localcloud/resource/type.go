package resource

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Type describes one resource type. See the package comment.
type Type struct {
	Token      string // as the SDK registers it, for example "aws:iam/role:Role"
	Label      string // what the provider calls it in messages, for example "IAM Role"
	Properties []Property
	Unmodelled []string // inputs the real provider has and the local cloud refuses
	Computed   []string // outputs that are no inputs
	Volatile   []string // computed outputs that an update may change
	Secrets    []string // computed outputs that are marked secret; inputs say so themselves
	Scope      []string // properties that make the id unique, for example region. They must be Immutable
	Unique     []string // properties no two resources of the type may share. Absent on both sides is the same, too
	AutoName   *AutoName

	// Conflict is the error for a Create with an equal Unique tuple. nil: a plain one that names the resource. When it
	// returns nil, the new resource takes the place of the one with its id.
	Conflict func(in Props) error
	// Check adds failures that need more than one property. Inputs may hold Unknown; defaults are filled in.
	Check func(ctx context.Context, env *Env, in Props) []Failure
	// Prepare runs before Create and Update, without a lock; it may wait. old is nil before a Create.
	Prepare func(ctx context.Context, env *Env, old *Record, in Props) error
	// Create returns the id and the computed outputs.
	Create func(ctx context.Context, env *Env, in Props) (id string, computed Props, err error)
	// Update returns the computed outputs that changed. nil: none do.
	Update func(ctx context.Context, env *Env, old Record, in Props) (computed Props, err error)
	// Delete says why the resource must not go, as the cloud does while it is in use. nil: it always may.
	Delete func(ctx context.Context, env *Env, old Record) error
	// Read returns computed outputs that follow from other records. It runs on refresh and import. nil: none do.
	Read func(env *Env, rec Record) Props
}

// AutoName is how a physical name is made when the program gives none: the resource's name, a dash, seven hex digits.
type AutoName struct {
	Property  string
	Separator string         // "" is "-"
	Max       int            // longest name, 0 for no limit
	Lower     bool           // lower-case the resource's name
	Strip     *regexp.Regexp // characters that the name must not have
}

// Invoke is one function a provider offers to programs.
type Invoke struct {
	Token string
	Args  []Property
	// Call runs on a consistent view of the records. It may return Unknown values only in a preview.
	Call func(ctx context.Context, env *Env, args Props) (Props, error)
}

// Op names what is done to a resource, for messages.
type Op string

// The operations there are.
const (
	OpCreate Op = "creating"
	OpRead   Op = "reading"
	OpUpdate Op = "updating"
	OpDelete Op = "deleting"
	OpInvoke Op = "invoking"
)

// Cloud is one provider: its types and invokes, and how it speaks.
type Cloud struct {
	Package  string // as the SDK's tokens begin: aws, gcp, azure-native
	Provider string // as faults and regions name it: aws, gcp, azure
	Version  string // of the SDK it answers for, without "v"
	Account  string // AWS account, Google project number or Azure subscription every resource belongs to
	Types    []*Type
	Invokes  []*Invoke
	// Configure checks the provider's settings and may fill in some. nil: anything goes.
	Configure func(config Props) (Props, []Failure)
	// SecretName says what is wrong with the name of a secret in the provider's own store, without a version. nil: the provider keeps none.
	SecretName func(name string) error
	// Managers are the traffic managers whose APIs are of the provider's, by how the tokens of their types and functions begin: faults
	// name them.
	Managers map[string]string
	// Outage is the provider's own error while its control plane is broken on purpose. label is a type's Label.
	Outage func(op Op, label, id string) error
}

// Type returns a type by token, or an error that names it and lists those there are.
func (c *Cloud) Type(token string) (*Type, error) {
	names := make([]string, 0, len(c.Types))
	for _, t := range c.Types {
		if t.Token == token {
			return t, nil
		}
		names = append(names, t.Token)
	}
	slices.Sort(names)
	return nil, &Error{Code: CodeUnsupported, Message: fmt.Sprintf("the local clouds do not have %s; supported of %s: %s",
		token, c.Package, strings.Join(names, ", "))}
}

// Invoke returns an invoke by token, or an error that names it and lists those there are.
func (c *Cloud) Invoke(token string) (*Invoke, error) {
	names := make([]string, 0, len(c.Invokes))
	for _, i := range c.Invokes {
		if i.Token == token {
			return i, nil
		}
		names = append(names, i.Token)
	}
	slices.Sort(names)
	return nil, &Error{Code: CodeUnsupported, Message: fmt.Sprintf("the local clouds do not have the function %s; supported of %s: %s",
		token, c.Package, strings.Join(names, ", "))}
}

// validate finds mistakes in the description itself.
func (t *Type) validate() error {
	has := func(name string) bool {
		return slices.ContainsFunc(t.Properties, func(p Property) bool { return p.Name == name })
	}
	seen := map[string]bool{}
	for _, p := range t.Properties {
		if seen[p.Name] {
			return fmt.Errorf("%s: property %q twice", t.Token, p.Name)
		}
		seen[p.Name] = true
	}
	for _, name := range slices.Concat(t.Scope, t.Unique) {
		if !has(name) && !slices.Contains(t.Computed, name) {
			return fmt.Errorf("%s: Scope or Unique names %q, which is no property", t.Token, name)
		}
	}
	for _, name := range t.Unmodelled {
		if seen[name] {
			return fmt.Errorf("%s: property %q is modelled and listed as unmodelled", t.Token, name)
		}
	}
	for _, name := range t.Volatile {
		if !slices.Contains(t.Computed, name) {
			return fmt.Errorf("%s: Volatile names %q, which is not in Computed", t.Token, name)
		}
	}
	if t.AutoName != nil && !has(t.AutoName.Property) {
		return fmt.Errorf("%s: AutoName names %q, which is no property", t.Token, t.AutoName.Property)
	}
	if t.Create == nil {
		return fmt.Errorf("%s: no Create", t.Token)
	}
	return nil
}

// SecretOutputs lists the outputs that are marked secret.
func (t *Type) SecretOutputs() []string {
	out := slices.Clone(t.Secrets)
	for _, p := range t.Properties {
		if p.Secret {
			out = append(out, p.Name)
		}
	}
	return out
}
