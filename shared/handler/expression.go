//go:build !without_expression

package handler

import (
	"log/slog"
	"net/http"
	"strings"

	"polygate.example/shared/expression"
	"polygate.example/shared/gateway"
)

// expressed is a compiled expression, and what it takes to fill in its values.
type expressed struct {
	program *expression.Program
	region  string
	env     environment
	params  bool // it looks at the path's parameters
}

func newExpressed(text string, result expression.Result, env environment) (*expressed, error) {
	p, err := expression.Compile(text, result)
	if err != nil {
		return nil, err
	}
	return &expressed{program: p, region: env.region, env: env, params: strings.Contains(text, "params")}, nil
}

// newCondition compiles an expression that is true or false. Its error is for the log and holds nothing of the request.
func newCondition(text string, env environment) (func(r *http.Request, x *exchange) (bool, error), error) {
	e, err := newExpressed(text, expression.Truth, env)
	if err != nil {
		return nil, err
	}
	return func(r *http.Request, x *exchange) (bool, error) { return e.program.Test(e.values(r, x)) }, nil
}

// newKeyExpression compiles an expression that requests are counted by. One that fails gives no value.
func newKeyExpression(text string, env environment) (keyPart, error) {
	e, err := newExpressed(text, expression.Text, env)
	if err != nil {
		return nil, err
	}
	return func(b []byte, r *http.Request, x *exchange) ([]byte, bool) {
		v, err := e.program.Text(e.values(r, x))
		if err != nil {
			env.log.LogAttrs(r.Context(), slog.LevelWarn, "counted by address", slog.String("id", x.id), slog.String("policy", env.name), slog.String("why", err.Error()))
			return b, false
		}
		return append(b, v...), v != ""
	}, nil
}

func (e *expressed) values(r *http.Request, x *exchange) expression.Values {
	from := values{r: r, x: x, region: e.region}
	named := func(kind gateway.ReferenceKind) func(string) (string, error) {
		return func(name string) (string, error) {
			text, err := from.of(gateway.Reference{Kind: kind, Name: name})
			if err != nil {
				return "", &expression.ValueError{Why: err.Error()}
			}
			return text, nil
		}
	}
	v := expression.Values{
		Caller:  expression.Caller{Consumer: x.caller.Consumer, Plan: x.caller.Plan, Roles: x.caller.Roles, Scopes: x.caller.Scopes, Claims: x.caller.Claims},
		Request: expression.Request{Method: r.Method, Path: r.URL.EscapedPath(), Host: r.Host, Header: named(gateway.RefHeader), Query: named(gateway.RefQuery)},
		Client:  expression.Client{Country: x.country},
		Region:  e.region,
		Time:    expression.At(e.env.now()),
	}
	if a, known := clientAddr(r.RemoteAddr); known {
		v.Client.IP = a.String()
	}
	if e.params {
		v.Request.Params = make(map[string]string, len(x.params))
		for _, name := range x.params {
			v.Request.Params[name] = from.param(name)
		}
	}
	return v
}
