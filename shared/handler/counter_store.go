package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/redis"
	"polygate.example/shared/secret"
)

// stores are the servers that policies of one handler count in, each of them once for those that give it as much time: what is too
// late for one policy is no failure for another that is more patient.
type stores map[storeKey]*ratelimit.Guard

type storeKey struct {
	at      gateway.Redis
	timeout gateway.Duration
}

// close ends their connections.
func (s stores) close() error {
	var all []error
	for _, g := range s {
		all = append(all, g.Close())
	}
	return errors.Join(all...)
}

func (s stores) guard(at gateway.Redis, timeout gateway.Duration, env environment) (*ratelimit.Guard, error) {
	key := storeKey{at, timeout}
	if g := s[key]; g != nil {
		return g, nil
	}
	address, err := addressOf(at, env.secrets)
	if err != nil {
		return nil, err
	}
	store, err := redis.New(redis.Options{Address: address})
	if err != nil {
		return nil, err
	}
	log := env.log
	s[key] = ratelimit.NewGuard(store, func() time.Time { return env.now().Round(0) }, func(err error) {
		if err != nil {
			log.LogAttrs(context.Background(), slog.LevelError, "limits are not shared: the store does not answer", slog.Any("error", err))
			return
		}
		log.LogAttrs(context.Background(), slog.LevelWarn, "limits are shared again")
	})
	return s[key], nil
}

// addressOf is where a server is: what it is made of is read when it is asked for, as a secret may change.
func addressOf(at gateway.Redis, secrets *secret.Store) (func(ctx context.Context) (redis.Address, error), error) {
	name := at.SecretName()
	read := func(ctx context.Context) (string, error) { return secrets.Value(ctx, name) }
	switch {
	case at.URL != "" && name == "":
		a, err := redis.ParseURL(at.URL)
		if err != nil {
			return nil, fmt.Errorf("the URL of redis %w", err)
		}
		return func(context.Context) (redis.Address, error) { return a, nil }, nil
	case at.URL != "":
		return func(ctx context.Context) (redis.Address, error) {
			text, err := read(ctx)
			if err != nil {
				return redis.Address{}, err
			}
			a, err := redis.ParseURL(text)
			if err != nil {
				return redis.Address{}, &secret.Error{Name: name, Reason: secret.Unusable, Detail: "its value " + err.Error()}
			}
			return a, nil
		}, nil
	case at.Address == "":
		return nil, errors.New("redis has no address, which no model has")
	}
	a := redis.Address{Host: at.Address, Username: at.Username, Database: at.Database, TLS: at.TLS}
	return func(ctx context.Context) (redis.Address, error) {
		if name == "" {
			return a, nil
		}
		with := a
		var err error
		with.Password, err = read(ctx)
		return with, err
	}, nil
}
