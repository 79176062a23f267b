// Package secret reads the secrets that a stack names, where the platform of the function keeps them.
//
// On Google Cloud and Azure the platform itself puts a secret into the variable of its name, so that a process has the value
// that was there when its instance started. Lambda does not: the AWS Parameters and Secrets extension beside the function is
// asked for it, see extension. Whoever holds a [Store] does not know the difference, but for how soon a new value arrives.
//
// No value is ever part of an error.
package secret

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// fresh is how long a value is used before it is asked for again. The extension keeps one for 300 seconds itself; this is
	// little beside it, and spares most requests of a busy instance the question.
	fresh = 5 * time.Second
	// limit is how long a question may take. The extension may have to ask a store of AWS; but /ready, which asks for all secrets
	// at once, has no more.
	limit = 1500 * time.Millisecond
	// MaxBytes is the most that a secret has. Source: "Quotas for AWS Secrets Manager", secret value; Secret Manager's is the same
	// 64 KiB, Key Vault's and Parameter Store's are less.
	MaxBytes = 64 << 10
)

// Source is where secrets are. It is asked for one name at a time, and its errors hold no value.
type Source interface {
	Read(ctx context.Context, name string) (string, error)
}

// Reason is why a secret cannot be read, in words that may be shown to anybody.
type Reason string

// The reasons there are.
const (
	Missing     Reason = "it is not there"
	Unresolved  Reason = "its reference was not resolved"
	Denied      Reason = "it may not be read"
	Unreachable Reason = "its store does not answer"
	Unusable    Reason = "its value cannot be used"
)

// Error is a secret that cannot be read. Its text is for logs: it says where the secret should be, and what to do.
type Error struct {
	Name   string
	Reason Reason
	Detail string
}

// Error names the secret, what is wrong, and what would be right.
func (e *Error) Error() string {
	return "secret " + e.Name + ": " + string(e.Reason) + ": " + e.Detail
}

// ReasonOf is why a secret cannot be read; an error that is none of this package's is a store that does not answer.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return Unreachable
}

// Store reads secrets by name and keeps them for a few seconds. It is safe for concurrent use.
type Store struct {
	source Source
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	values map[string]*value
}

// value is a secret as it was read last.
type value struct {
	mu    sync.Mutex // held while it is read, so that it is read once for all who ask
	known bool
	text  string
	at    time.Time
}

// New returns a Store that asks source. log gets a warning when a secret that has been read cannot be read again; nil is
// silence.
func New(source Source, log *slog.Logger) *Store {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{source: source, log: log, now: wall, values: map[string]*value{}}
}

// wall is the time without its monotonic part, which stands still while a function is frozen between two requests.
func wall() time.Time { return time.Now().Round(0) }

// Value is the secret of this name; one line break at its end is not part of it. Once it has been read it stays known as long
// as the process lives: a store that does not answer any more must not stop a gateway that can go on, as it does not where the
// platform keeps the value in a variable. The error is an *Error.
//
// The question outlives ctx, because the answer is for everybody who waits for it.
func (s *Store) Value(ctx context.Context, name string) (string, error) {
	s.mu.Lock()
	v := s.values[name]
	if v == nil {
		v = &value{}
		s.values[name] = v
	}
	s.mu.Unlock()

	v.mu.Lock()
	defer v.mu.Unlock()
	if age := s.now().Sub(v.at); v.known && age >= 0 && age < fresh {
		return v.text, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	text, err := s.read(ctx, name)
	if err != nil && !v.known {
		return "", err
	}
	if v.at = s.now(); err != nil { // asked again after a while, not for every request
		s.log.WarnContext(ctx, "secret not read again: the value from before is used", "secret", name, "error", err)
		return v.text, nil
	}
	v.known, v.text = true, text
	return text, nil
}

func (s *Store) read(ctx context.Context, name string) (string, error) {
	text, err := s.source.Read(ctx, name)
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return "", own
		}
		return "", &Error{Name: name, Reason: Unreachable, Detail: err.Error()}
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		return "", &Error{Name: name, Reason: Unusable, Detail: "its value is empty"}
	}
	return text, nil
}

var _ error = (*Error)(nil)
