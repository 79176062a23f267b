package front

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// reply is a function's answer in payload format 2.0. Headers of several values do not exist there: multiValueHeaders
// is ignored, as API Gateway does. Source: the page named at event, "Lambda function response for format 2.0".
type reply struct {
	StatusCode      json.RawMessage            `json:"statusCode"`
	Headers         map[string]json.RawMessage `json:"headers"`
	Cookies         []string                   `json:"cookies"`
	Body            *string                    `json:"body"`
	IsBase64Encoded bool                       `json:"isBase64Encoded"`
}

// answer turns a function's answer into the response. An answer that is not of the format is 500.
func answer(w http.ResponseWriter, r *http.Request, payload []byte) {
	status, header, body, ok := parseReply(payload)
	if !ok {
		internalError(w)
		return
	}
	h := w.Header()
	for name, values := range header {
		h[name] = values
	}
	if bodyAllowed(status) {
		if r.Method != http.MethodHead || len(body) > 0 {
			h.Set("Content-Length", strconv.Itoa(len(body)))
		}
	} else {
		body = nil
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

// bodyAllowed reports whether a status may come with a body. Source: RFC 9110, section 6.4.1.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func parseReply(payload []byte) (status int, header http.Header, body []byte, ok bool) {
	if !json.Valid(payload) {
		return 0, nil, nil, false
	}
	var out reply
	object := bytes.HasPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{"))
	if object {
		var probe struct {
			StatusCode json.RawMessage `json:"statusCode"`
		}
		_ = json.Unmarshal(payload, &probe) // it is valid JSON; a statusCode of any type is kept raw
		out.StatusCode = probe.StatusCode
	}
	if len(out.StatusCode) == 0 {
		// Valid JSON without a statusCode is the body itself, of type application/json (the page named at event).
		return http.StatusOK, http.Header{"Content-Type": {"application/json"}}, payload, true
	}
	if err := json.Unmarshal(payload, &out); err != nil {
		return 0, nil, nil, false
	}
	status, err := strconv.Atoi(strings.Trim(string(out.StatusCode), `"`))
	if err != nil || status < 200 || status > 599 {
		return 0, nil, nil, false
	}
	header, ok = replyHeader(out)
	if !ok {
		return 0, nil, nil, false
	}
	if out.Body != nil {
		body = []byte(*out.Body)
	}
	if out.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(string(body)); err != nil {
			return 0, nil, nil, false
		}
	}
	return status, header, body, true
}

// ownHeaders are the gateway's to set. (The x-amzn-remapped-* names are those of REST APIs, not of HTTP APIs.)
var ownHeaders = append([]string{"Content-Length", "Date", "Apigw-Requestid"}, hopByHop...)

// replyHeader is the response's header. A header value may be a string, a number or a boolean.
func replyHeader(out reply) (http.Header, bool) {
	header := http.Header{}
	for name, raw := range out.Headers {
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(ownHeaders, name) {
			continue
		}
		var text string
		switch {
		case bytes.Equal(raw, []byte("null")):
			continue
		case raw[0] == '"':
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, false
			}
		case raw[0] == '{' || raw[0] == '[':
			return nil, false
		default:
			text = string(raw)
		}
		header[name] = append(header[name], text)
	}
	for _, c := range out.Cookies {
		header.Add("Set-Cookie", c)
	}
	if _, ok := header["Content-Type"]; !ok {
		// Source: aws-lambda-dotnet, LambdaTestTool-v2, which AWS tests against its own gateway.
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return header, true
}
