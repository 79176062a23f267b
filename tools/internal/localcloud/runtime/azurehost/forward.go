package azurehost

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ForwardAttempts is how often forwarding mode calls the handler when it breaks the connection without an answer, for
// every method (observed on the Azure Functions host 4.1045; three connection failure retries of .NET's SocketsHttpHandler).
const ForwardAttempts = 4

// forward is enableForwardingHttpRequest: the host reads the whole request, sends its own to the handler, and answers
// with the whole response. What changes on the way was observed on host 4.1045 and read in its DefaultHttpWorkerService.
func (h *Host) forward(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		w.WriteHeader(http.StatusInternalServerError) // a chunked upload fails in this mode
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if bodyTooLarge(err) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		panic(http.ErrAbortHandler) // the client went away in the middle of it
	}
	header := handlerHeader(r)
	header.Set("X-Azure-Functions-Hostversion", version)
	header.Set("X-Azure-Functions-Invocationid", newID())
	header.Set("User-Agent", strings.TrimSpace(header.Get("User-Agent")+" Azure-Functions-Host/"+version))
	target := "http://" + h.address() + forwardPath(r.URL.EscapedPath()) + forwardQuery(r.URL.RawQuery)

	var resp *http.Response
	for attempt := 1; ; attempt++ {
		// The caller going away does not cancel the call (the host passes no cancellation token).
		resp, err = h.attempt(detached(r), r, target, r.Host, header, bytes.NewReader(body))
		if err == nil || attempt == ForwardAttempts {
			break
		}
	}
	if err != nil {
		h.o.Log.Add("Executing the function failed: " + err.Error())
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		h.o.Log.Add("Reading the function's response failed: " + err.Error())
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	copyResponse(w, resp)
	if bodyAllowed(resp.StatusCode) && r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // the client may be gone
}

// bodyAllowed reports whether a status may come with a body. Source: RFC 9110, section 6.4.1.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// forwardQuery rewrites a query as the host does: parsed, values of one name (without regard to case) joined with a
// comma, and encoded again, so that ?q=1&q=2%26 becomes ?q=1,2%26.
func forwardQuery(raw string) string {
	type pair struct{ name, value string }
	var pairs []pair
	index := map[string]int{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = decodeQuery(name), decodeQuery(value)
		if i, ok := index[strings.ToLower(name)]; ok {
			pairs[i].value += "," + value
			continue
		}
		index[strings.ToLower(name)] = len(pairs)
		pairs = append(pairs, pair{name, value})
	}
	var b strings.Builder
	for i, p := range pairs {
		b.WriteByte("?&"[min(i, 1)])
		encode(&b, p.name, queryKeeps)
		b.WriteByte('=')
		encode(&b, p.value, queryKeeps)
	}
	return b.String()
}

// forwardPath rewrites a path as the host does by way of a display URL: decoded except for %2F, cut where the decoded
// form has a "?" or "#", and encoded again with escapes left as they are.
func forwardPath(escaped string) string {
	path := decodePath(escaped)
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	var b strings.Builder
	encode(&b, path, func(s string, i int) bool {
		return pathKeeps(s, i) || s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
	})
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
