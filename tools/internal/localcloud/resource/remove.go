package resource

import "fmt"

// Remove takes another record away as part of the transaction of a Create, Update or Delete hook: what goes with the
// resource, as everything in an Azure resource group goes with the group. Its own Delete hook does not run.
func (e *Env) Remove(rec Record) error {
	if e.tx == nil {
		return fmt.Errorf("%s %q cannot be removed outside a transaction", rec.Type, rec.ID)
	}
	e.tx.remove(rec)
	return nil
}
