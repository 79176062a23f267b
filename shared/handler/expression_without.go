//go:build without_expression

package handler

import (
	"net/http"

	"polygate.example/shared/gateway"
)

// newCondition refuses a condition: this binary was built without what it takes.
func newCondition(string, environment) (func(*http.Request, *exchange) (bool, error), error) {
	return nil, errWithout(gateway.PartExpression)
}

// newKeyExpression refuses a key that is an expression.
func newKeyExpression(string, environment) (keyPart, error) {
	return nil, errWithout(gateway.PartExpression)
}
