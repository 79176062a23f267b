package azure

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal in the form Azure Resource Manager gives it: an HTTP status, a code that programs may act on and
// a message for people.
type Error struct {
	Status  int    // HTTP status of the reply
	Code    string // for example "ResourceGroupNotFound"
	Message string
}

// Error spells the refusal as the azure-native provider shows it.
func (e *Error) Error() string {
	return fmt.Sprintf("Status=%d Code=%q Message=%q", e.Status, e.Code, e.Message)
}

// HasCode reports whether err is a refusal with that code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

func badRequest(format string, a ...any) error {
	return &Error{Status: http.StatusBadRequest, Code: "BadRequest", Message: fmt.Sprintf(format, a...)}
}

func refuse(status int, code, format string, a ...any) error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, a...)}
}

// groupNotFound is what Resource Manager answers to anything put into a resource group that does not exist.
func groupNotFound(group string) error {
	return refuse(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", group)
}

// notFound is what Resource Manager answers about a resource that does not exist.
// Source: "Resolve errors for resource not found", learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found.
func notFound(id ID) error {
	return refuse(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		id.Type(), id.Name(), id.Group)
}

var _ error = (*Error)(nil)
