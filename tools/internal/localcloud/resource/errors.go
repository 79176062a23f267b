package resource

import "errors"

// Error is a cloud's own error: its code for programs, its words for people.
type Error struct {
	Code    string // as the cloud spells it, for example "ResourceConflictException" or "InvalidChangeBatch"
	Message string
}

func (e *Error) Error() string { return e.Message }

// Codes of the framework's own errors; clouds use their own.
const (
	CodeUnsupported = "LocalCloudUnsupported" // a type, function or feature that the local clouds do not have
	CodeNotFound    = "LocalCloudNotFound"    // an update of something that is not there
	CodeConflict    = "LocalCloudConflict"    // a Unique tuple is taken and the type has no words for it
)

// ErrUnready is wrapped by what Services.Build says of a function that was built and does not start.
var ErrUnready = errors.New("it does not start")

// Code returns the cloud's code of an error, "" when it has none.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

var _ error = (*Error)(nil)
