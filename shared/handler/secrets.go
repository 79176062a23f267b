package handler

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

// codeSecret is the code of the answer to a request that needs a secret which cannot be read. Which one it is, and why, is for
// the log: the answer is for whoever asks.
const codeSecret = "secret_unavailable"

// filledHeader is a header that is set with references in its value.
type filledHeader struct {
	name  string // canonical
	value gateway.Template
}

// fill returns the operations with references filled in, for one request. A header that comes out empty is removed: what the client sent
// under its name must not pass for it. After an error, which answerUnfilled knows, nothing may be sent: an upstream would take a request
// without its key for one of a client's own.
func (o ops) fill(v values) (ops, error) {
	if len(o.filled) == 0 {
		return o, nil
	}
	out := ops{remove: slices.Clip(o.remove), set: make(map[string][]string, len(o.set)+len(o.filled))}
	for name, values := range o.set {
		out.set[name] = values
	}
	for _, h := range o.filled {
		text, err := v.header(h.value)
		if err != nil {
			return ops{}, err
		}
		if text == "" {
			out.remove = append(out.remove, h.name)
			continue
		}
		out.set[h.name] = []string{text}
	}
	return out, nil
}

// hasSecrets reports whether a secret is among what is filled in.
func (o ops) hasSecrets() bool {
	return slices.ContainsFunc(o.filled, func(h filledHeader) bool { return len(h.value.Secrets()) > 0 })
}

// headerSecret reads a secret that is to go into a header, which carries one line of text (RFC 9110, 5.5).
func headerSecret(ctx context.Context, store *secret.Store, name string) (string, error) {
	text, err := store.Value(ctx, name)
	if err != nil {
		return "", err
	}
	if !gateway.IsFieldValue(text) {
		return "", &secret.Error{Name: name, Reason: secret.Unusable,
			Detail: "its value holds a character that headers cannot carry: want visible ASCII on one line, no spaces at the ends"}
	}
	return text, nil
}

// unavailable answers a request for which a secret cannot be read.
func unavailable(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	x := exchangeOf(r)
	log.ErrorContext(r.Context(), "secret unavailable", "id", x.id, "route", x.route, "error", err)
	answer := fail(http.StatusServiceUnavailable, "The gateway cannot read a secret that this route needs.")
	answer.Code = codeSecret
	answer.write(w, x.id)
}

// withoutTrace are the methods of a route that takes any, but for TRACE.
const withoutTrace = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

// refuseTrace answers a TRACE for a route that sends secrets: the upstream would answer with the request as it came (RFC 9110,
// 9.3.8). No model has such a route with the method listed; one without a list gets here.
func refuseTrace(w http.ResponseWriter, r *http.Request, response ops) {
	response.apply(w.Header())
	w.Header().Set("Allow", withoutTrace)
	fail(http.StatusMethodNotAllowed, "This path does not take the request's method; see Allow.").write(w, exchangeOf(r).id)
}

// probeSecrets reads all secrets of the model at once, for /ready, in the order of their names. What keeps one from being read
// is told in a few words; the log has the rest. usable tests a value against what it is for.
func probeSecrets(ctx context.Context, names []string, usable func(name, text string) error, store *secret.Store, log *slog.Logger) []health.Secret {
	found := make([]health.Secret, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			found[i] = health.Secret{Name: name, Readable: true}
			text, err := store.Value(ctx, name)
			if err == nil {
				if bad := usable(name, text); bad != nil {
					err = &secret.Error{Name: name, Reason: secret.Unusable, Detail: bad.Error()}
				}
			}
			if err != nil {
				log.WarnContext(ctx, "secret not ready", "secret", name, "error", err)
				found[i] = health.Secret{Name: name, Error: string(secret.ReasonOf(err))}
			}
		})
	}
	wg.Wait()
	return found
}
