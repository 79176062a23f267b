package openapiimport

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"polygate.example/shared/gateway"
)

// server is where operations are served.
type server struct {
	at     gateway.Pointer
	base   string // path that clients find the operations under, without a slash at the end
	target string // URL for an upstream; "" if it is not known
	why    string // it is not known
}

// serverOf is the first server of an operation, of its path, or of the document, in this order (OpenAPI 3.1, 4.8.9.1 and 4.8.10.1).
func (im *importer) serverOf(operation map[string]any, at gateway.Pointer, item map[string]any, itemAt gateway.Pointer) server {
	for _, of := range []struct {
		v  any
		at gateway.Pointer
	}{{operation["servers"], at}, {item["servers"], itemAt}} {
		if list, _ := of.v.([]any); len(list) > 0 {
			return im.server(list, of.at.Key("servers"))
		}
	}
	list, _ := im.root["servers"].([]any)
	s := im.server(list, "/servers")
	if im.Server != "" {
		s.target, s.why = strings.TrimSuffix(im.Server, "/"), ""
	}
	return s
}

var serverVariable = regexp.MustCompile(`\{[^{}]*\}`)

// server reads the first of a list of servers.
func (im *importer) server(list []any, at gateway.Pointer) server {
	s := server{at: at.Index(0)}
	text := "/" // as OpenAPI has it where there are none (3.1, 4.8.1.1)
	if len(list) > 0 {
		first, _ := list[0].(map[string]any)
		text, _ = first["url"].(string)
		variables, _ := first["variables"].(map[string]any)
		text = serverVariable.ReplaceAllStringFunc(text, func(braced string) string {
			one, _ := variables[braced[1:len(braced)-1]].(map[string]any)
			value, is := one["default"].(string)
			if !is {
				im.note(LeftOut, s.at, fmt.Sprintf("variable %s of the server has no default", braced), "write one, or the URL itself")
				return ""
			}
			im.note(Changed, s.at, fmt.Sprintf("variable %s of the server is %q, its default", braced, value), "write another URL in upstreams, or another path in the routes, if it is not the one")
			return value
		})
	} else {
		s.at = at.Parent()
	}
	if len(list) > 1 {
		im.note(LeftOut, at.Index(1), fmt.Sprintf("%d servers after the first", len(list)-1), "list their URLs under targets, or under regions, of the upstream if they serve the same")
	}
	u, err := url.Parse(text)
	if err != nil {
		s.why = fmt.Sprintf("server %q cannot be read", text)
		return s
	}
	if im.Location != nil {
		u = im.Location.ResolveReference(u)
	}
	if s.base = strings.TrimRight(u.EscapedPath(), "/"); s.base != "" && s.base[0] != '/' {
		s.base = "/" + s.base
	}
	switch {
	case u.User != nil:
		s.why = "the server's URL holds a user name or password"
	case u.Host == "" && len(list) == 0:
		s.why = "the document has no servers"
	case u.Host == "":
		s.why = fmt.Sprintf("server %q is relative to where the document is", text)
	case u.Scheme != "http" && u.Scheme != "https":
		s.why = fmt.Sprintf("server %q is neither of http nor of https", text)
	default:
		if u.RawQuery != "" || u.Fragment != "" {
			im.note(LeftOut, s.at, "the query or fragment of the server's URL", "have a policy of the kind transform add it if the server wants it")
		}
		s.target = u.Scheme + "://" + u.Host // the paths of routes hold the base
	}
	return s
}

// upstream is the name of a server's upstream, which is made if there is none.
func (im *importer) upstream(s server) string {
	key := s.target
	if key == "" {
		key = string(s.at) // each wants one of its own
	}
	if name, there := im.targets[key]; there {
		return name
	}
	taken := map[string]bool{}
	for _, u := range im.upstreams {
		taken[u.name] = true
	}
	name, u := "api", named{}
	if s.target == "" {
		im.note(FillIn, s.at, s.why, "write the URL that the API is served at under targets of its upstream, or name it by --server")
		u.comment = []string{" fill in url: where the API is served"}
	} else if parsed, err := url.Parse(s.target); err == nil {
		name = kebab("host", parsed.Host)
	}
	u.name = unique(name, taken)
	u.value = upstreamValue{Targets: []targetValue{{s.target}}}
	im.upstreams = append(im.upstreams, u)
	im.targets[key] = u.name
	return u.name
}
