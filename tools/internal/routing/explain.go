package routing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Request makes the request that a server would hand on: it reads the bytes that a client would send. The URL is a whole one, or a path.
// Headers are lines, "Name: value". The error says what no server would take.
func Request(method, target string, headers []string) (*http.Request, error) {
	read := url.Parse
	if strings.HasPrefix(target, "/") {
		read = url.ParseRequestURI // where //a is a path, as it is to a server
	}
	u, err := read(target)
	switch {
	case err != nil:
		return nil, fmt.Errorf("URL %q cannot be read: %w", target, errors.Unwrap(err))
	case u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "":
		return nil, fmt.Errorf("URL %q is none of http or https: write https://host/path, or /path", target)
	case u.Host == "" && !strings.HasPrefix(target, "/"):
		return nil, fmt.Errorf("URL %q has neither a host nor a path: write https://host/path, or /path", target)
	case u.User != nil:
		return nil, fmt.Errorf("the URL holds a user: clients send that in a header, so write --header %q", "Authorization: ...")
	}
	var head strings.Builder
	host := u.Host
	for _, line := range headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(line, "\r\n") {
			return nil, fmt.Errorf("header %q cannot be read: write it as \"Name: value\"", line)
		}
		if strings.EqualFold(strings.TrimSpace(name), "Host") {
			host = strings.TrimSpace(value)
			continue
		}
		fmt.Fprintf(&head, "%s: %s\r\n", name, strings.TrimSpace(value))
	}
	if strings.ContainsAny(method+host, " \r\n") || method == "" {
		return nil, errors.New("the method and the host are words without spaces")
	}
	text := method + " " + u.RequestURI() + " HTTP/1.1\r\nHost: " + host + "\r\n" + head.String() + "\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("no server takes this request: %w", err)
	}
	// What net/http looks at besides, before it calls a handler.
	if !httpguts.ValidHostHeader(r.Host) {
		return nil, fmt.Errorf("no server takes this request: malformed host %q", r.Host)
	}
	for name, values := range r.Header {
		for _, v := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(v) {
				return nil, fmt.Errorf("no server takes this request: malformed header %q", name)
			}
		}
	}
	return r, nil
}

// Answer is what becomes of a request.
type Answer struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Outcome string   `json:"outcome"`           // route, preflight, own, refused
	Route   *Route   `json:"route,omitempty"`   // that takes it, or whose cors policy answers the preflight
	Params  []Param  `json:"params,omitempty"`  // of its path
	Refusal *Refusal `json:"refusal,omitempty"` // with refused
	Others  []Other  `json:"others"`            // routes that do not take it, the nearest first
	More    int      `json:"more"`              // routes that were left out, as they have nothing in common with the request
	Hosts   []string `json:"hosts"`             // the names that the gateway answers for; empty for all
}

// Param is a parameter of a path.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Refusal is how a request is answered that comes to no route.
type Refusal struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Allow  string `json:"allow,omitempty"`
	Why    string `json:"why,omitempty"` // what the gateway's log says of it, if that is more
}

// Other is a route that does not take the request.
type Other struct {
	Route string `json:"route"`
	Miss  string `json:"miss"` // host, path, method, header, query, specificity
	Why   string `json:"why"`
}

// mostOthers is how many other routes are told of unless all are asked for.
const mostOthers = 10

// Explain says what becomes of a request. all tells of every other route.
func (b *Book) Explain(r *http.Request, hosts []string, all bool) Answer {
	d := b.Plan.Decide(r)
	out := Answer{Method: r.Method, URL: r.Host + r.URL.RequestURI(), Outcome: "refused", Others: []Other{}, Hosts: append([]string{}, hosts...)}
	switch {
	case d.Own:
		out.Outcome = "own"
	case d.Preflight:
		out.Outcome = "preflight"
	case d.Route != "":
		out.Outcome = "route"
	}
	for _, spec := range b.Plan.Routes() {
		if spec.Name == d.Route {
			route := b.route(spec)
			for i, p := range route.Policies {
				switch operation, is := d.Operations[p.Name]; {
				case is && operation == "":
					route.Policies[i].Does = "refuses it: none of its operations has this method and path"
				case is:
					route.Policies[i].Does = printable(validated(*b.apis[p.Name], operation))
				}
			}
			out.Route = &route
		}
	}
	for _, p := range d.Params {
		out.Params = append(out.Params, Param(p))
	}
	if d.Refusal != nil {
		refusal := Refusal(*d.Refusal)
		out.Refusal = &refusal
	}
	for _, o := range d.Others {
		if !all && (!o.Nearby || len(out.Others) == mostOthers) {
			out.More++
			continue
		}
		out.Others = append(out.Others, Other{o.Route, string(o.Miss), o.Why})
	}
	return out
}

// Print says it to people.
func (a Answer) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", a.Method, a.URL)
	switch {
	case a.Outcome == "own":
		b.WriteString("  the gateway answers this itself: no route and no policy has a part in it\n")
	case a.Refusal != nil:
		fmt.Fprintf(&b, "  no route takes it: %d %s: %s\n", a.Refusal.Status, http.StatusText(a.Refusal.Status), a.Refusal.Detail)
		if a.Refusal.Allow != "" {
			fmt.Fprintf(&b, "  Allow: %s\n", a.Refusal.Allow)
		}
		if a.Refusal.Why != "" {
			fmt.Fprintf(&b, "  the log says: %s\n", a.Refusal.Why)
		}
	case a.Outcome == "preflight":
		fmt.Fprintf(&b, "  the preflight is answered by the policy %s of the route %s\n", a.Route.Policies[0].Name, a.Route.Name)
	}
	if a.Outcome == "route" {
		fmt.Fprintf(&b, "  %s takes it: %s %s %s\n", a.Route.Name, orAny(strings.Join(a.Route.Methods, ",")), orAny(a.Route.Host), a.Route.Path)
		for _, p := range a.Params {
			fmt.Fprintf(&b, "    {%s} is %q\n", p.Name, p.Value)
		}
		for i, p := range a.Route.Policies {
			fmt.Fprintf(&b, "  %d. policy %s (%s) %s\n", i+1, p.Name, p.Kind, p.Does)
		}
		fmt.Fprintf(&b, "  %d. %s", len(a.Route.Policies)+1, a.Route.action())
		if t := a.Route.Timeouts.String(); t != "" {
			fmt.Fprintf(&b, " (%s)", t)
		}
		b.WriteString("\n")
	}
	if len(a.Others) > 0 {
		b.WriteString("the other routes\n")
	}
	for _, o := range a.Others {
		fmt.Fprintf(&b, "  %s, by %s: %s\n", o.Route, o.Miss, o.Why)
	}
	if a.More > 0 {
		fmt.Fprintf(&b, "  and %d further off: see --all\n", a.More)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
