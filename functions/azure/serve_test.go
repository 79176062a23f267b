package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// observed is a listener that says when it is closed.
type observed struct {
	net.Listener
	closed chan struct{}
	once   sync.Once
}

func (o *observed) Close() error {
	defer o.once.Do(func() { close(o.closed) })
	return o.Listener.Close()
}

// TestGracefulStop: the host stops the worker with a request in flight, and it is answered.
func TestGracefulStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	plain, err := listen(ctx, func(string) string { return "0" }) // any free port
	if err != nil {
		t.Fatal(err)
	}
	l := &observed{Listener: plain, closed: make(chan struct{})}
	entered, finish, served := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		served <- serveOn(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-finish
			io.WriteString(w, "done")
		}))
	}()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		answer <- string(b) + errorText(err)
	}()
	<-entered
	stop()
	<-l.closed // it is stopping
	close(finish)
	if got := <-answer; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestNoPort(t *testing.T) {
	err := serve(t.Context(), func(string) string { return "" }, http.NotFoundHandler())
	if err == nil || !strings.Contains(err.Error(), envPort) {
		t.Errorf("error %v, want one that names %s", err, envPort)
	}
}

// TestSettings keeps what the wrapper relies on in the function app's settings.
func TestSettings(t *testing.T) {
	var host struct {
		Version       string
		CustomHandler struct {
			Description struct {
				DefaultExecutablePath string
			}
			EnableForwardingHTTPRequest bool `json:"enableForwardingHttpRequest"`
			EnableProxyingHTTPRequest   bool `json:"enableProxyingHttpRequest"`
		}
		Extensions struct {
			HTTP struct {
				RoutePrefix *string
			}
		}
	}
	read(t, "host.json", &host)
	if host.Version != "2.0" || !host.CustomHandler.EnableProxyingHTTPRequest || host.CustomHandler.EnableForwardingHTTPRequest {
		t.Errorf("the host does not proxy requests: %+v", host)
	}
	if host.Extensions.HTTP.RoutePrefix == nil || *host.Extensions.HTTP.RoutePrefix != "" {
		t.Error("the host has a route prefix: the default, api, would be put before every path")
	}
	var function struct {
		Bindings []struct {
			Type, Direction, AuthLevel, Route string
			Methods                           []string
		}
	}
	read(t, filepath.Join("gateway", "function.json"), &function)
	in := function.Bindings[0]
	if in.Type != "httpTrigger" || in.Route != "{*path}" || in.AuthLevel != "anonymous" {
		t.Errorf("the trigger does not take every path from everybody: %+v", in)
	}
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} { // RFC 9110 and 5789
		if !slices.Contains(in.Methods, strings.ToLower(m)) {
			t.Errorf("%s is not listed: the host would answer 404", m)
		}
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
