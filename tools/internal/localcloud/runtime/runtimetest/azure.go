package runtimetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Echo is what the HTTP roles answer on paths that mean nothing else: the request as it reached them.
type Echo struct {
	Method string
	Target string // request target as received
	Host   string
	Header http.Header
	Length int64 // Content-Length, -1 for chunked
	Body   []byte
	PID    int
	Calls  int // requests with this path so far, this one included
}

// azure is a custom handler. What it does is chosen by the first path segment:
//
//	abort          breaks the connection without an answer
//	exit           ends the process with status 3
//	status/<code>  answers that status with a short body
//	cookies        answers two cookies and binary bytes
//	stream         answers in two pieces, the second when /continue is called
//	sleep/<ms>     sleeps first, and counts under "slept", or "cancelled" when the caller goes
//	calls/<verb>   how often that verb was called
//	env            its environment
//
// Anything else is echoed.
func azure() int {
	h := &handler{calls: map[string]int{}, gate: make(chan struct{}, 1)}
	if err := http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT")), h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type handler struct {
	mu    sync.Mutex
	calls map[string]int
	gate  chan struct{}
}

func (h *handler) count(verb string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls[verb]++
	return h.calls[verb]
}

// ServeHTTP plays the role.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verb, arg, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	calls := 0
	if verb != "calls" {
		calls = h.count(verb)
	}
	switch verb {
	case "abort":
		panic(http.ErrAbortHandler)
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving")
		os.Exit(3)
	case "status":
		code, _ := strconv.Atoi(arg)
		w.WriteHeader(code)
		if code != http.StatusNoContent && code != http.StatusNotModified {
			_, _ = io.WriteString(w, "status "+arg)
		}
		return
	case "cookies":
		w.Header().Add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write([]byte{0, 0xff, 0x80, '\n'})
		return
	case "stream":
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-h.gate:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, "second")
		return
	case "continue":
		h.gate <- struct{}{}
		return
	case "sleep":
		n, _ := strconv.Atoi(arg)
		select {
		case <-time.After(time.Duration(n) * time.Millisecond):
			h.count("slept")
		case <-r.Context().Done():
			h.count("cancelled")
			return
		}
	case "calls":
		h.mu.Lock()
		n := h.calls[arg]
		h.mu.Unlock()
		_, _ = io.WriteString(w, strconv.Itoa(n))
		return
	case "env":
		_ = json.NewEncoder(w).Encode(os.Environ())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Echo{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Length: r.ContentLength,
		Body: body, PID: os.Getpid(), Calls: calls,
	})
}
