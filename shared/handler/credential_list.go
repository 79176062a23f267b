package handler

import (
	"context"
	"fmt"
	"sync"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// secretList is a list of credentials in a secret, compiled whenever its text changes.
type secretList[T any] struct {
	name    string
	env     environment
	compile func(text string) (T, error) // its errors hold no text

	mu    sync.Mutex
	text  string // that was compiled last, well or not
	known bool   // value is there
	value T
}

// get is the list as it stands. A text that cannot be used is refused as a whole: the list before it stays, and the log and /ready say so; without
// one before it the error is a *secret.Error.
func (l *secretList[T]) get(ctx context.Context) (T, error) {
	text, err := l.env.secrets.Value(ctx, l.name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		return l.value, err // the store has never read it
	}
	if l.known && text == l.text {
		return l.value, nil
	}
	value, err := l.compile(text)
	if err == nil {
		l.text, l.known, l.value = text, true, value
		return value, nil
	}
	err = &secret.Error{Name: l.name, Reason: secret.Unusable, Detail: err.Error()}
	if !l.known {
		return l.value, err
	}
	l.text = text // said once, not for every request
	l.env.log.ErrorContext(ctx, "list of credentials not taken: the one from before is used", "policy", l.env.name, "secret", l.name, "error", err)
	return l.value, nil
}

// variable reads a list from a variable of the environment, once.
func (e environment) variable(name string, parse func(string) ([]gateway.Listed, error)) ([]gateway.Listed, error) {
	text := ""
	if e.getenv != nil {
		text = e.getenv(name)
	}
	if text == "" {
		return nil, fmt.Errorf("there is no variable %s: set it to a list, a line for each credential", name)
	}
	list, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("variable %s: %w", name, err)
	}
	return list, nil
}
