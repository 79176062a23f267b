// Package resourcemanager is what the control seat's Azure APIs have in common: how Azure Resource Manager refuses.
package resourcemanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"polygate.example/tools/internal/control"
)

// Explain puts what Resource Manager answered into one line, where the SDK's own error is the whole exchange, and makes what is not
// there control.ErrUnknown. Any other error comes back as it is. The *azcore.ResponseError stays in the chain.
func Explain(err error) error {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	return &refusal{answer}
}

// refusal is an error answer of Resource Manager.
type refusal struct{ answer *azcore.ResponseError }

// Error is status, code and message, as they are in Azure/azure-sdk-for-go issue #22571.
func (r *refusal) Error() string {
	var doc struct {
		Error struct{ Message string }
	}
	if r.answer.RawResponse != nil {
		if body, err := runtime.Payload(r.answer.RawResponse); err == nil {
			_ = json.Unmarshal(body, &doc) // a proxy on the way answers without it
		}
	}
	parts := []string{fmt.Sprintf("%d %s", r.answer.StatusCode, http.StatusText(r.answer.StatusCode))}
	for _, part := range []string{r.answer.ErrorCode, strings.Join(strings.Fields(doc.Error.Message), " ")} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

func (r *refusal) Unwrap() []error {
	if r.answer.StatusCode == http.StatusNotFound {
		return []error{r.answer, control.ErrUnknown}
	}
	return []error{r.answer}
}

var _ interface {
	error
	Unwrap() []error
} = (*refusal)(nil)
