package openapiimport

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/goccy/go-yaml"
)

// document is a gateway document as it is written.
type document struct {
	Version    int           `yaml:"version"`
	Upstreams  yaml.MapSlice `yaml:"upstreams,omitempty"`
	Policies   yaml.MapSlice `yaml:"policies,omitempty"`
	Everywhere []string      `yaml:"everywhere,flow,omitempty"`
	Routes     []routeValue  `yaml:"routes"`
}

type upstreamValue struct {
	Targets []targetValue `yaml:"targets"`
}

type targetValue struct {
	URL string `yaml:"url"`
}

type routeValue struct {
	Name     string     `yaml:"name"`
	Match    matchValue `yaml:"match"`
	Policies []string   `yaml:"policies,flow,omitempty"`
	Upstream string     `yaml:"upstream"`
	Timeout  string     `yaml:"timeout,omitempty"`
}

type matchValue struct {
	Methods []string `yaml:"methods,flow"`
	Path    string   `yaml:"path"`
}

// write gives the document as YAML, in an order that depends on the OpenAPI document alone.
func (im *importer) write() ([]byte, error) {
	out := document{Version: 1, Everywhere: im.extension.everywhere, Routes: []routeValue{}}
	comments := yaml.CommentMap{}
	fill := func(under string, list []named) (m yaml.MapSlice) {
		for _, n := range list {
			m = append(m, yaml.MapItem{Key: n.name, Value: n.value})
			if len(n.comment) > 0 {
				path := (&yaml.PathBuilder{}).Root().Child(under).Child(n.name).Build().String()
				comments[path] = append(comments[path], yaml.HeadComment(n.comment...))
			}
		}
		return m
	}
	out.Upstreams, out.Policies = fill("upstreams", im.upstreams), fill("policies", im.policies)
	for _, r := range im.routes {
		out.Routes = append(out.Routes, routeValue{r.name, matchValue{r.methods, r.path}, r.policies, r.upstream, r.timeout})
	}
	var b bytes.Buffer
	b.WriteString("# Made of " + strconv.Quote(im.File) + " by polygate import openapi.\n")
	err := yaml.NewEncoder(&b, yaml.WithComment(comments), yaml.IndentSequence(true)).Encode(out)
	return b.Bytes(), err
}

// plain makes a value of JSON one that is written as such, mappings in the order of their keys.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := yaml.MapSlice{}
		for key, value := range sorted(v) {
			out = append(out, yaml.MapItem{Key: key, Value: plain(value)})
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}
