package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// api is the Runtime API, version 2018-06-01. Source: "Using the Lambda runtime API for custom runtimes",
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; status texts as the vendor's emulator words them.
func (i *instance) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", i.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", i.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", i.serveInitError)
	return mux
}

// serveNext holds the runtime until there is an event for it.
func (i *instance) serveNext(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	busy := i.current != nil
	i.mu.Unlock()
	if busy {
		reply(w, http.StatusForbidden, document("InvalidStateTransition",
			"State transition from InvocationResponse to Ready failed for runtime. Error: State transition is not allowed"))
		return
	}
	i.polled.Do(func() { close(i.ready) })
	var inv *invocation
	select {
	case inv = <-i.work:
	case <-r.Context().Done():
		return
	case <-i.stopped:
		return
	}
	i.mu.Lock()
	i.current = inv
	i.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.due().UnixMilli(), 10))
	h.Set("Lambda-Runtime-Trace-Id", inv.trace)
	h.Set("Lambda-Runtime-Invoked-Function-Arn", i.o.Function.ID)
	h.Set("Content-Length", strconv.Itoa(len(inv.event)))
	_, _ = w.Write(inv.event) // a runtime that is gone shows as the end of its process
}

// serveResponse takes the function's answer.
func (i *instance) serveResponse(w http.ResponseWriter, r *http.Request) {
	inv := i.take(r.PathValue("id"))
	if inv == nil {
		refuseID(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxResponse))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		inv.finish(Result{
			ErrType: typeResponseTooLarge,
			Payload: document(typeResponseTooLarge,
				fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResponse)),
		})
		reply(w, http.StatusRequestEntityTooLarge, document("RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponse)))
	case err != nil:
		inv.finish(failure(inv, "Runtime.TruncatedResponse", "Response was cut off"))
		reply(w, http.StatusBadRequest, document("TruncatedResponse", "Response was cut off"))
	default:
		inv.finish(Result{Payload: body})
		reply(w, http.StatusAccepted, []byte(`{"status":"OK"}`+"\n"))
	}
}

// serveError takes the function's failure.
func (i *instance) serveError(w http.ResponseWriter, r *http.Request) {
	inv := i.take(r.PathValue("id"))
	if inv == nil {
		refuseID(w)
		return
	}
	inv.finish(reported(w, r))
	reply(w, http.StatusAccepted, []byte(`{"status":"OK"}`+"\n"))
}

// serveInitError takes the failure of an instance that never became ready.
func (i *instance) serveInitError(w http.ResponseWriter, r *http.Request) {
	select {
	case i.failed <- reported(w, r):
		reply(w, http.StatusAccepted, []byte(`{"status":"OK"}`+"\n"))
	default:
		reply(w, http.StatusForbidden, document("InvalidStateTransition", "an init error has been reported already"))
	}
}

// reported reads an error the runtime posts: the body goes to the caller as it is.
func reported(w http.ResponseWriter, r *http.Request) Result {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxResponse))
	if err != nil {
		body = document(typeUnknown, "the error report could not be read")
	}
	var doc errorDocument
	_ = json.Unmarshal(body, &doc) // a report may be anything; the header names its type then
	errType := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	if errType == "" {
		errType = doc.Type
	}
	if errType == "" {
		errType = typeUnknown
	}
	return Result{Payload: body, ErrType: errType}
}

func refuseID(w http.ResponseWriter) {
	reply(w, http.StatusBadRequest, document("InvalidRequestID", "Invalid request ID"))
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a runtime that is gone shows as the end of its process
}
