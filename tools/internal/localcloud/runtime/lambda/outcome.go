package lambda

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Error types the platform itself reports. Sources: "Lambda runtime API" reference, "Troubleshoot invocation issues in
// Lambda", and what was observed on the Lambda Runtime Interface Emulator.
const (
	typeExit             = "Runtime.ExitError"
	typeEntrypoint       = "Runtime.InvalidEntrypoint"
	typeTimedOut         = "Sandbox.Timedout"
	typeResponseTooLarge = "Function.ResponseSizeTooLarge"
	typeUnknown          = "Function.Unknown" // a runtime that reports an error without a type
)

// invocation is one event on its way through an instance.
type invocation struct {
	id, trace string
	event     []byte

	mu       sync.Mutex
	started  time.Time
	deadline time.Time
	result   chan Result // takes one result
}

// arm starts the function's time, anew when the event goes to another instance.
func (inv *invocation) arm(timeout time.Duration) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.started = time.Now()
	inv.deadline = inv.started.Add(timeout)
	inv.result = make(chan Result, 1)
}

func (inv *invocation) due() time.Time {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.deadline
}

// finish records the result; a second one is dropped.
func (inv *invocation) finish(r Result) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	select {
	case inv.result <- r:
	default:
	}
}

func (inv *invocation) outcome() <-chan Result {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.result
}

// errorDocument is how Lambda words a failure to its caller.
type errorDocument struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func document(errType, message string) []byte {
	b, err := json.Marshal(errorDocument{Message: message, Type: errType})
	if err != nil {
		return []byte("{}") // two strings always encode
	}
	return b
}

// failure is a platform error under the invocation's request id.
func failure(inv *invocation, errType, reason string) Result {
	return Result{
		Payload: document(errType, fmt.Sprintf("RequestId: %s Error: %s", inv.id, reason)),
		ErrType: errType,
	}
}

// timedOut is what a caller gets when the function's time is over.
func timedOut(inv *invocation, timeout time.Duration) Result {
	return failure(inv, typeTimedOut, fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds()))
}
