package handler

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an error answer of the gateway itself: problem details (RFC 9457) with the request id.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code,omitempty"` // for programs, where the status does not say enough
	RequestID string `json:"requestId"`

	Errors []fieldError `json:"errors,omitempty"` // what is wrong with the request, one by one, where a policy looks so closely
}

// fieldError is one thing that is wrong with a request.
type fieldError struct {
	In        string `json:"in,omitempty"`        // of a parameter, see gateway.InPath and so on
	Parameter string `json:"parameter,omitempty"` // its name
	Pointer   string `json:"pointer,omitempty"`   // into the body or a parameter that has parts, as a fragment (RFC 6901, 6)
	Detail    string `json:"detail"`

	rule string // keyword of the schema, for the log
}

// fail is a problem before it belongs to a request. The detail is for the client: it names nothing behind the gateway.
func fail(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// coded is a problem that programs know by a code.
func coded(status int, code, detail string) *problem {
	p := fail(status, detail)
	p.Code = code
	return p
}

// write sends the problem. It fits on every front: its length is declared and it is never cached.
func (p problem) write(w http.ResponseWriter, id string) {
	p.RequestID = id
	body, err := json.Marshal(p)
	if err != nil { // strings and a number always encode
		body = []byte(`{"type":"about:blank"}`)
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // an error here means that the client has gone; there is nobody to tell
}
