package gateway

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a model. They are far above what a gateway needs and keep a bad document from costing much.
const (
	maxRoutes    = 20_000
	maxUpstreams = 1_000
	maxTargets   = 64
	maxBody      = 64 << 10
	minTimeout   = Duration(10 * time.Millisecond)
	maxTimeout   = Duration(15 * time.Minute) // no cloud's function lives longer (AWS Lambda quotas: "Function timeout 900 seconds")
)

var (
	namePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	regionPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`)
)

// check returns every rule the spec breaks.
func check(s *Spec) Violations {
	var r report
	switch s.Version {
	case Version:
	case 0:
		r.value("/version", "version is missing", "write version: 1")
	default:
		r.value("/version", fmt.Sprintf("version %d is not known", s.Version), "write version: 1")
	}
	if len(s.Upstreams) > maxUpstreams {
		r.value("/upstreams", fmt.Sprintf("there are %d upstreams", len(s.Upstreams)), fmt.Sprintf("keep to %d", maxUpstreams))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Upstreams)) {
		checkUpstream(&r, Pointer("/upstreams").Key(name), name, s.Upstreams[name])
	}
	if len(s.Routes) == 0 {
		r.value("/routes", "there are no routes", "write at least one: a gateway without routes answers nothing")
	}
	if len(s.Routes) > maxRoutes {
		r.value("/routes", fmt.Sprintf("there are %d routes", len(s.Routes)), fmt.Sprintf("keep to %d", maxRoutes))
		return r.found
	}
	checkPolicies(&r, s)
	checkRoutes(&r, s)
	return r.found
}

func checkRoutes(r *report, s *Spec) {
	known := slices.Sorted(maps.Keys(s.Upstreams))
	used := map[string]bool{}
	first := map[string]int{}
	for i, route := range s.Routes {
		at := Pointer("/routes").Index(i)
		if j, ok := first[route.Name]; ok && route.Name != "" {
			r.value(at.Key("name"), fmt.Sprintf("route name %s is taken", quote(route.Name)), "give every route a name of its own")
			r.found[len(r.found)-1].Related = string(Pointer("/routes").Index(j).Key("name"))
		} else {
			first[route.Name] = i
		}
		used[route.Upstream] = true
		if _, ok := s.Upstreams[route.Upstream]; !ok && route.Upstream != "" {
			used[Nearest(route.Upstream, known)] = true // misspelt, and reported as that
		}
		checkRoute(r, at, route, s.Upstreams, known)
	}
	for _, name := range known {
		if !used[name] {
			r.key(Pointer("/upstreams").Key(name), fmt.Sprintf("upstream %s is used by no route", quote(name)), "route something to it or remove it")
			r.found[len(r.found)-1].Premise = "/routes"
		}
	}
	checkOverlap(r, s.Routes)
}

// checkName tests the name of an upstream or route.
func checkName(what, name string) (string, string) {
	switch {
	case name == "":
		return what + " has no name", "give it one, such as \"orders\": errors and logs are told apart by it"
	case len(name) > 63:
		return fmt.Sprintf("%s name %s is %d letters long", what, quote(name[:16]+"..."), len(name)), "keep it within 63"
	case !namePattern.MatchString(name):
		return fmt.Sprintf("%s name %s is not a name", what, quote(name)), "use lower-case letters, digits and single hyphens, beginning with a letter"
	}
	return "", ""
}

// checkTimeout tests how long something may take.
func checkTimeout(r *report, at Pointer, d Duration) {
	if d < minTimeout || d > maxTimeout {
		r.value(at, fmt.Sprintf("duration %s is out of range", d), fmt.Sprintf("write one from %s to %s", minTimeout, maxTimeout))
	}
}

// quote is %q with a bound, so that a message never repeats a whole document.
func quote(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return strconv.Quote(s)
}

// list names things in a message: all of a few, the first ten of many.
func list(names []string) string {
	more := ""
	if n := len(names); n > 10 {
		names, more = names[:10], fmt.Sprintf(" and %d more", n-10)
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ") + more
}
