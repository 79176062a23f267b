package handler

import (
	"errors"
	"net/http"
)

// refusal is an error of reading a request's body that is the answer to the request: some policy has seen in the body what it refuses, or it did not
// come in time.
// Whoever reads a body, the proxy among them, answers so; see refusalOf.
type refusal struct {
	answer *problem
	why    string      // for the log
	env    environment // of the policy; without a name where it is none's
}

// Error is for logs.
func (f *refusal) Error() string { return f.why }

// write answers and leaves a line in the audit log, if it is a policy that refuses.
func (f *refusal) write(w http.ResponseWriter, r *http.Request) {
	if f.env.name == "" {
		f.answer.write(w, exchangeOf(r).id)
		return
	}
	f.env.deny(w, r, f.answer, f.why)
}

// refusalOf finds the refusal in an error of reading, or in the cause of a context's end; nil if there is none.
func refusalOf(err error) *refusal {
	var f *refusal
	if errors.As(err, &f) {
		return f
	}
	return nil
}

var _ error = (*refusal)(nil)
