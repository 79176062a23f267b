//go:build without_jwt

package handler

import "polygate.example/shared/gateway"

// newJWT refuses a policy for tokens: this binary was built without what it takes.
func newJWT(gateway.JWT, environment) (policy, error) { return nil, errWithout(gateway.PartJWT) }
