package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxAnswer is how much of an answer is read: more than any of these APIs gives on a page.
const maxAnswer = 8 << 20

// rest asks an API that speaks JSON.
type rest struct {
	client *http.Client
	header http.Header
}

// refusal is an answer that is no success.
type refusal struct {
	status  int
	message string
	reason  string // Google's, such as SERVICE_DISABLED
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.status, http.StatusText(r.status), r.message)
}

// get reads what a URL answers. Another status than 200 is a *refusal with the API's own message.
func (r rest) get(ctx context.Context, url string, into any) error {
	return r.ask(ctx, http.MethodGet, url, nil, into)
}

// post is get for a question that goes with a document.
func (r rest) post(ctx context.Context, url string, question, into any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return r.ask(ctx, http.MethodPost, url, body, into)
}

func (r rest) ask(ctx context.Context, method, url string, question []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(question))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return &refusal{res.StatusCode, complaint(body), reason(body)}
	}
	return json.Unmarshal(body, into)
}

// complaint is the message of an error document: Google and Azure have {"error": {"message"}}, Cloudflare {"errors": [{"message"}]}.
func complaint(body []byte) string {
	var doc struct {
		Error  struct{ Message string }
		Errors []struct{ Message string }
	}
	if json.Unmarshal(body, &doc) == nil {
		if doc.Error.Message != "" {
			return strings.TrimSpace(doc.Error.Message)
		}
		if len(doc.Errors) > 0 {
			return doc.Errors[0].Message
		}
	}
	return "the answer says no more"
}

// reason is the one in the details of a Google error document. Source: "Error model", ErrorInfo, google.aip.dev/193.
func reason(body []byte) string {
	var doc struct {
		Error struct{ Details []struct{ Reason string } }
	}
	if json.Unmarshal(body, &doc) == nil {
		for _, d := range doc.Error.Details {
			if d.Reason != "" {
				return d.Reason
			}
		}
	}
	return ""
}

// disabled reports whether an API of Google's is not enabled where its callers are counted. Source: ErrorReason,
// googleapis/googleapis, google/api/error_reason.proto.
func disabled(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.reason == "SERVICE_DISABLED"
}

// missing reports whether an API answered that something is not there.
func missing(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == http.StatusNotFound
}
