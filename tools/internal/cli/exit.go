package cli

import (
	"errors"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/tools/internal/lock"
)

// Exit codes that all verbs share. Drills have 4 and 5 besides: see drill.Verdict.
const (
	ExitOK      = 0 // done, healthy, or no changes
	ExitFailed  = 1 // failed, unhealthy, or (with --exit-code) changes found
	ExitUsage   = 2 // wrong usage or bad configuration: nothing was done
	ExitUnknown = 3 // inconclusive: nothing could be asked
	ExitBlocked = 6 // a safety rule, or whoever was asked, refused it: nothing was done
	ExitLost    = 7 // another operation took the stack over: it was ended on the way
)

// usageError marks an error as the caller's to mend before anything can happen.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// blocked marks an order that was refused though it could have been carried out.
type blocked struct{ error }

func (e blocked) Unwrap() error { return e.error }

// unhealthy ends a verb with exit code 1 after it has already said why.
type unhealthy struct{}

func (unhealthy) Error() string { return "unhealthy" }

// inconclusive ends a verb with exit code 3 after it has said that it could find nothing out.
type inconclusive struct{}

func (inconclusive) Error() string { return "inconclusive" }

// misconfigured ends a verb with exit code 2 after it has already said what is wrong.
type misconfigured struct{}

func (misconfigured) Error() string { return "misconfigured" }

// exitCode maps an error to the process's exit code by its type, never by its text.
func exitCode(err error) int {
	var usage usageError
	var ended drilled
	var doc config.Problems
	var set settings.Problems
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &ended):
		return ended.verdict.Exit()
	case errors.As(err, new(unhealthy)):
		return ExitFailed
	case errors.As(err, new(inconclusive)):
		return ExitUnknown
	case errors.As(err, &usage), errors.As(err, new(misconfigured)), errors.As(err, &doc), errors.As(err, &set):
		return ExitUsage
	case errors.Is(err, lock.ErrTaken):
		return ExitLost
	case errors.As(err, new(blocked)):
		return ExitBlocked
	}
	return ExitFailed
}
