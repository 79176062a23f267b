//go:build without_expression || without_jwt || without_redis || without_schema

package handler

import (
	"fmt"

	"polygate.example/shared/gateway"
)

// errWithout says that a model needs a part that this binary was built without: it was built for another document.
func errWithout(part gateway.Part) error {
	return fmt.Errorf("this binary was built without the part %q, which the policy needs: build it from the document that it runs (`polygate build`), or without the tag without_%s", part, part)
}
