//go:build without_schema

package handler

import "polygate.example/shared/gateway"

// newValidate refuses a policy with schemas: this binary was built without what it takes.
func newValidate(gateway.Validate, environment) (policy, error) {
	return nil, errWithout(gateway.PartSchema)
}
