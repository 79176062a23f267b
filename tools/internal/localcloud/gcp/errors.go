package gcp

import (
	"fmt"

	"polygate.example/tools/internal/localcloud/resource"
)

// Reasons of Google API errors, which serve as their codes.
const (
	ReasonInvalid   = "invalid"
	ReasonBad       = "badRequest"
	ReasonForbidden = "forbidden"
	ReasonNotFound  = "notFound"
	ReasonConflict  = "conflict"
	ReasonExists    = "alreadyExists"
	ReasonInUse     = "resourceInUseByAnotherResource"
	ReasonBuild     = "buildFailed"                // an operation that failed in Cloud Build, not an API error
	ReasonUnready   = "containerHealthcheckFailed" // an operation that failed at the start of the service
	ReasonSecret    = "secretUnavailable"          // an operation that failed on a secret of the service
	ReasonBackend   = "backendError"
)

// apiError is an error in the form the Google API client gives it: "googleapi: Error <status>: <message>, <reason>".
// Source: google.golang.org/api/googleapi, Error.Error.
func apiError(status int, reason, format string, a ...any) error {
	return &resource.Error{Code: reason, Message: fmt.Sprintf("googleapi: Error %d: %s, %s", status, fmt.Sprintf(format, a...), reason)}
}

func invalid(format string, a ...any) error { return apiError(400, ReasonInvalid, format, a...) }

// invalidField is the Compute Engine API's refusal of one field.
func invalidField(field string, value any, why string, a ...any) error {
	return invalid("Invalid value for field 'resource.%s': '%v'. %s", field, value, fmt.Sprintf(why, a...))
}

func notFound(rel string) error {
	return apiError(404, ReasonNotFound, "The resource '%s' was not found", rel)
}

func alreadyExists(rel string) error {
	return apiError(409, ReasonExists, "The resource '%s' already exists", rel)
}

// inUse is the Compute Engine API's refusal to delete what another resource refers to.
func inUse(kind, rel, by string) error {
	return apiError(400, ReasonInUse, "The %s resource '%s' is already being used by '%s'", kind, rel, by)
}
