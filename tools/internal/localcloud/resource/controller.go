package resource

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Controller carries out a provider's operations for one cloud. It is safe for concurrent use.
type Controller struct {
	cloud    *Cloud
	store    *Store
	services Services
}

// NewController checks the cloud's description and returns its controller.
func NewController(cloud *Cloud, store *Store, services Services) (*Controller, error) {
	seen := map[string]bool{}
	for _, t := range cloud.Types {
		if seen[t.Token] {
			return nil, fmt.Errorf("%s is described twice", t.Token)
		}
		seen[t.Token] = true
		if err := t.validate(); err != nil {
			return nil, err
		}
	}
	return &Controller{cloud: cloud, store: store, services: services}, nil
}

// Cloud is the description the controller works from.
func (c *Controller) Cloud() *Cloud { return c.cloud }

func (c *Controller) env(config Props, t *tx) *Env {
	return &Env{Services: c.services, Provider: c.cloud.Provider, Account: c.cloud.Account, Config: config, store: c.store, tx: t}
}

// outage returns the provider's error while its control plane is broken on purpose.
func (c *Controller) outage(op Op, token, label, id string) error {
	if c.services.Refuse == nil || !c.services.Refuse(c.cloud.Provider) && !c.lost(token) {
		return nil
	}
	if c.cloud.Outage != nil {
		return c.cloud.Outage(op, label, id)
	}
	return &Error{Code: "ServiceUnavailable", Message: fmt.Sprintf("%s %s (%s): service unavailable", op, label, id)}
}

// lost reports whether a token is of a traffic manager whose API is broken on purpose.
func (c *Controller) lost(token string) bool {
	for begins, manager := range c.cloud.Managers {
		if strings.HasPrefix(token, begins) && c.services.Refuse(manager) {
			return true
		}
	}
	return false
}

// Checking is what a Check works on.
type Checking struct {
	Token    string
	URN      string // what the engine calls it; "" for nobody's
	Name     string // the resource's name in the program, for automatic names
	Old, New Props  // inputs; Old is nil for a new resource
	Config   Props
	Seed     []byte // makes an automatic name the same in preview and update
}

// Check fills in and judges inputs. The returned inputs are what the other operations want.
func (c *Controller) Check(ctx context.Context, in Checking) (Props, []Failure, error) {
	t, err := c.cloud.Type(in.Token)
	if err != nil {
		return nil, nil, err
	}
	filled := fillFields(t.Properties, in.New, in.Config)
	if a := t.AutoName; a != nil && filled[a.Property] == nil {
		name := in.Old.Str(a.Property)
		if orphan, ok := c.orphan(in.Token, in.URN); name == "" && ok {
			name = orphan.Inputs.Str(a.Property)
		}
		if name == "" {
			if name, err = a.make(in.Name, in.Seed); err != nil {
				return nil, nil, err
			}
		}
		filled[a.Property] = name
	}
	failures := checkFields("", t.Properties, t.Unmodelled, filled)
	if t.Check != nil && len(failures) == 0 {
		failures = t.Check(ctx, c.env(in.Config, nil), filled)
	}
	return filled, failures, nil
}

// make makes a physical name from a resource's name.
func (a *AutoName) make(name string, seed []byte) (string, error) {
	if a.Lower {
		name = strings.ToLower(name)
	}
	if a.Strip != nil {
		name = a.Strip.ReplaceAllString(name, "")
	}
	sep := a.Separator
	if sep == "" {
		sep = "-"
	}
	return sdk.NewUniqueName(seed, name+sep, 7, a.Max, nil)
}

// Diff compares checked inputs with those of the last operation.
func (c *Controller) Diff(token string, old, new Props) (Difference, error) {
	t, err := c.cloud.Type(token)
	if err != nil {
		return Difference{}, err
	}
	return t.Diff(old, new), nil
}

// Create makes a resource, which the engine calls urn. In a preview nothing is made, the id is "" and computed outputs are Unknown.
func (c *Controller) Create(ctx context.Context, token, urn string, in, config Props, preview bool) (string, Props, error) {
	t, err := c.cloud.Type(token)
	if err != nil {
		return "", nil, err
	}
	if preview {
		return "", t.previewOutputs(in, nil), nil
	}
	if err := c.outage(OpCreate, token, t.Label, t.nameOf(in)); err != nil {
		return "", nil, err
	}
	if rec, ok := c.orphan(token, urn); ok && len(t.Diff(rec.Inputs, in).Replaces()) == 0 {
		out, err := c.change(ctx, t, rec, in, config)
		return rec.ID, out, err
	}
	in, digests, err := c.store.stageAll(in)
	if err != nil {
		return "", nil, fmt.Errorf("creating %s (%s): %w", t.Label, t.nameOf(in), err)
	}
	defer c.store.release(digests)
	if t.Prepare != nil {
		if err := t.Prepare(ctx, c.env(config, nil), nil, in); err != nil {
			return "", nil, err
		}
	}
	var rec Record
	err = c.store.transact(ctx, func(tx *tx) error {
		if err := t.conflict(tx, nil, in); err != nil {
			return err
		}
		env := c.env(config, tx)
		id, computed, err := t.Create(ctx, env, in)
		if err != nil {
			return err
		}
		rec = Record{Provider: c.cloud.Provider, Type: token, ID: id, Scope: t.scope(in.With(computed)), Inputs: in, Created: env.Now(), URN: urn}
		rec.Computed, rec.Private = splitPrivate(computed)
		if _, ok := tx.tables.find(rec); ok {
			if err := t.conflictError(in); err != nil {
				return err
			}
		}
		tx.insert(rec)
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return rec.ID, rec.Outputs(), nil
}

// Update changes a resource. old are its inputs as the engine knows them; outputs name its scope.
func (c *Controller) Update(ctx context.Context, token, id string, outputs, in, config Props, preview bool) (Props, error) {
	t, err := c.cloud.Type(token)
	if err != nil {
		return nil, err
	}
	if preview {
		return t.previewOutputs(in, outputs), nil
	}
	if err := c.outage(OpUpdate, token, t.Label, id); err != nil {
		return nil, err
	}
	rec, ok := t.find(c.store.View(), id, outputs)
	if !ok {
		return nil, t.notFound(OpUpdate, id)
	}
	return c.change(ctx, t, rec, in, config)
}

// change gives a record other inputs.
func (c *Controller) change(ctx context.Context, t *Type, rec Record, in, config Props) (Props, error) {
	id := rec.ID
	in, digests, err := c.store.stageAll(in)
	if err != nil {
		return nil, fmt.Errorf("updating %s (%s): %w", t.Label, id, err)
	}
	defer c.store.release(digests)
	if t.Prepare != nil {
		if err := t.Prepare(ctx, c.env(config, nil), &rec, in); err != nil {
			return nil, err
		}
	}
	err = c.store.transact(ctx, func(tx *tx) error {
		var ok bool
		if rec, ok = tx.tables.find(rec); !ok {
			return t.notFound(OpUpdate, id)
		}
		if err := t.conflict(tx, &rec, in); err != nil {
			return err
		}
		var computed Props
		if t.Update != nil {
			if computed, err = t.Update(ctx, c.env(config, tx), rec, in); err != nil {
				return err
			}
		}
		if rec, ok = tx.tables.find(rec); !ok { // the hook may have amended it
			return t.notFound(OpUpdate, id)
		}
		computed, private := splitPrivate(computed)
		rec.Inputs, rec.Computed, rec.Private, rec.Orphan = in, rec.Computed.With(computed), rec.Private.With(private), false
		return tx.replace(rec)
	})
	if err != nil {
		return nil, err
	}
	return rec.Outputs(), nil
}

// Delete removes a resource. One that is not there is no error.
func (c *Controller) Delete(ctx context.Context, token, id string, outputs, config Props) error {
	t, err := c.cloud.Type(token)
	if err != nil {
		return err
	}
	if err := c.outage(OpDelete, token, t.Label, id); err != nil {
		return err
	}
	err = c.store.transact(ctx, func(tx *tx) error {
		rec, ok := t.find(tx.view(), id, outputs)
		if !ok {
			return nil
		}
		if t.Delete != nil {
			if err := t.Delete(ctx, c.env(config, tx), rec); err != nil {
				return err
			}
		}
		tx.remove(rec)
		return nil
	})
	c.store.release(nil)
	return err
}

// Read returns a resource as it is. ok is false when it does not exist. An id of the form "id@scope" names the scope,
// as an import must where the outputs are not known.
func (c *Controller) Read(token, id string, outputs Props) (rec Record, ok bool, err error) {
	t, err := c.cloud.Type(token)
	if err != nil {
		return Record{}, false, err
	}
	if err := c.outage(OpRead, token, t.Label, id); err != nil {
		return Record{}, false, err
	}
	rec, ok = t.find(c.store.View(), id, outputs)
	if !ok {
		return Record{}, false, nil
	}
	if t.Read != nil {
		rec.Computed = rec.Computed.With(t.Read(c.env(nil, nil), rec))
	}
	return rec, true, nil
}

// Invoke calls a function of the provider.
func (c *Controller) Invoke(ctx context.Context, token string, args, config Props, preview bool) (Props, []Failure, error) {
	i, err := c.cloud.Invoke(token)
	if err != nil {
		return nil, nil, err
	}
	if err := c.outage(OpInvoke, token, token, ""); err != nil {
		return nil, nil, err
	}
	args = fillFields(i.Args, args, config)
	if failures := checkFields("", i.Args, nil, args); len(failures) > 0 {
		return nil, failures, nil
	}
	env := c.env(config, nil)
	env.Preview = preview
	out, err := i.Call(ctx, env, args)
	return out, nil, err
}

// previewOutputs are the outputs as far as a preview knows them. old are the present ones, nil before a create.
func (t *Type) previewOutputs(in, old Props) Props {
	out := old.With(in)
	for _, p := range t.Properties {
		if _, ok := in[p.Name]; !ok && !slices.Contains(t.Computed, p.Name) {
			delete(out, p.Name) // the program takes it away: it is no output any more
		}
	}
	for _, name := range t.Computed {
		if _, ok := out[name]; !ok {
			out[name] = Unknown{}
		}
	}
	if old != nil {
		for _, name := range t.Volatile {
			out[name] = Unknown{}
		}
	}
	for _, p := range t.Properties {
		o, ok := out[p.Name].(Props)
		if !ok || len(p.Computed) == 0 {
			continue
		}
		o = o.Clone()
		for _, name := range p.Computed {
			if o[name] != nil {
				continue // the program gives what would be computed otherwise
			}
			o[name] = Unknown{}
			if v, ok := old.Object(p.Name)[name]; ok {
				o[name] = v
			}
		}
		out[p.Name] = o
	}
	return out
}

// PrivateKey names the entry of a hook's computed outputs whose Props go into Record.Private.
const PrivateKey = "$private"

func splitPrivate(computed Props) (public, private Props) {
	private, _ = computed[PrivateKey].(Props)
	public = computed.Clone()
	delete(public, PrivateKey)
	return public, private
}

// nameOf is what messages call a resource that has no id yet.
func (t *Type) nameOf(in Props) string {
	for _, name := range slices.Concat(t.Unique, []string{"name"}) {
		if s := in.Str(name); s != "" {
			return s
		}
	}
	return ""
}

// scope joins the values of the Scope properties.
func (t *Type) scope(p Props) string {
	parts := make([]string, len(t.Scope))
	for i, name := range t.Scope {
		parts[i] = p.Str(name)
	}
	return strings.Join(parts, "/")
}

// find finds a record by id and the scope that known outputs give.
func (t *Type) find(v View, id string, outputs Props) (Record, bool) {
	if rec, ok := v.GetIn(t.Token, t.scope(outputs), id); ok {
		return rec, true
	}
	if len(t.Scope) == 0 || outputs.Has(t.Scope[0]) {
		return Record{}, false
	}
	if bare, scope, ok := strings.Cut(id, "@"); ok {
		return v.GetIn(t.Token, scope, bare)
	}
	var found []Record
	for _, r := range v.List(t.Token) {
		if r.ID == id {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return Record{}, false
	}
	return found[0], true
}

// conflict finds another resource than self with the same Unique tuple.
func (t *Type) conflict(tx *tx, self *Record, in Props) error {
	if len(t.Unique) == 0 {
		return nil
	}
	for _, r := range tx.tables.of(t.Token) {
		if self != nil && r.identity() == self.identity() {
			continue
		}
		same := true
		for _, name := range t.Unique {
			same = same && t.property(name).Equal(r.Inputs[name], in[name])
		}
		if same {
			return t.conflictError(in)
		}
	}
	return nil
}

func (t *Type) conflictError(in Props) error {
	if t.Conflict != nil {
		return t.Conflict(in)
	}
	return &Error{Code: CodeConflict, Message: fmt.Sprintf("creating %s (%s): it already exists", t.Label, t.nameOf(in))}
}

func (t *Type) notFound(op Op, id string) error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("%s %s (%s): it does not exist any more; run `pulumi refresh`", op, t.Label, id)}
}
