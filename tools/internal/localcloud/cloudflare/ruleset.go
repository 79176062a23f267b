package cloudflare

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenRuleset = "cloudflare:index/ruleset:Ruleset"
	labelRuleset = "rulesets"
)

// Phases that the local Cloudflare has. Source: "Phases list", developers.cloudflare.com/ruleset-engine/reference/phases-list.
const (
	phaseHeaders = "http_request_late_transform" // headers of requests to origins
	phaseConfig  = "http_config_settings"        // settings of the zone, for some requests
)

// rulesetType is cloudflare:index/ruleset:Ruleset, of a zone, as far as it modifies request headers and the mode in which
// origins are connected to.
func rulesetType() *resource.Type {
	header := resource.Property{Kind: resource.Object, Fields: []resource.Property{
		{Name: "operation", Kind: resource.String, Required: true, OneOf: oneOf("add", "set", "remove")}, text("value")}, Unmodelled: []string{"expression"}}
	parameters := resource.Property{Name: "actionParameters", Kind: resource.Object, Fields: []resource.Property{
		{Name: "headers", Kind: resource.Map, Elem: &header},
		{Name: "ssl", Kind: resource.String, OneOf: oneOf("off", "flexible", "full", "strict", "origin_pull")}}}
	return &resource.Type{
		Token: tokenRuleset, Label: labelRuleset,
		Properties: []resource.Property{
			zoneProperty(), required(text("name")), text("description"),
			{Name: "kind", Kind: resource.String, Required: true, Immutable: true, OneOf: oneOf("managed", "custom", "root", "zone")},
			{Name: "phase", Kind: resource.String, Required: true, Immutable: true},
			{Name: "rules", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				required(text("action")), parameters, text("description"), flag("enabled", true), required(text("expression")), text("ref"),
			}, Unmodelled: []string{"exposedCredentialCheck", "logging", "ratelimit", "id"}}},
		},
		Unmodelled: []string{"accountId"},
		Computed:   []string{"lastUpdated", "version"},
		Volatile:   []string{"lastUpdated", "version"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if in.Str("kind") != "zone" {
				out = append(out, unsupported("kind", "rulesets of kind %s", in.Str("kind")))
			}
			if p := in.Str("phase"); !slices.Contains([]string{phaseHeaders, phaseConfig}, p) {
				out = append(out, unsupported("phase", "rulesets of the phase %s", p))
			}
			for i, r := range in.Objects("rules") {
				if r.Has("expression") && hostOf(r) == "" {
					out = append(out, unsupported("rules["+strconv.Itoa(i)+"].expression", "expressions but http.host eq \"<name>\""))
				}
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			c := call{"POST", "zones/" + in.Str("zoneId") + "/" + labelRuleset}
			if err := refuseRuleset(env.View(), c, "", in); err != nil {
				return "", nil, err
			}
			return serial(env, tokenRuleset, in.Str("phase")), resource.Props{"lastUpdated": changed(env)["modifiedOn"], "version": "1"}, nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			n, _ := strconv.Atoi(old.Computed.Str("version")) // our own
			return resource.Props{"lastUpdated": changed(env)["modifiedOn"], "version": strconv.Itoa(n + 1)},
				refuseRuleset(env.View(), call{"PUT", "zones/" + in.Str("zoneId") + "/" + labelRuleset + "/" + old.ID}, old.ID, in)
		},
	}
}

// hostExpression is the one form of a rule's expression that the local Cloudflare reads.
var hostExpression = regexp.MustCompile(`^\(?http\.host eq "([^"]+)"\)?$`)

// hostOf is the host name that a rule is for, "" for another expression.
func hostOf(rule resource.Props) string {
	m := hostExpression.FindStringSubmatch(strings.TrimSpace(rule.Str("expression")))
	if m == nil {
		return ""
	}
	return fqdn(m[1])
}

// visitorHeaders cannot be set. Source: "Important remarks", developers.cloudflare.com/rules/transform/
// request-header-modification.
var visitorHeaders = []string{"x-forwarded-for", "true-client-ip", "x-real-ip", "x-forwarded-proto", "cookie", "accept-encoding", "connection", "content-length"}

// refuseRuleset checks what the API checks. A zone has one ruleset of each phase: code 20217,
// cloudflare/terraform-provider-cloudflare issue 6273.
func refuseRuleset(v resource.View, c call, self string, in resource.Props) error {
	if _, err := c.inZone(v, in); err != nil {
		return err
	}
	for _, r := range v.Where(tokenRuleset, "phase", in.Str("phase")) {
		if r.ID != self && r.Inputs.Str("zoneId") == in.Str("zoneId") {
			return c.refuse(codeRuleset, "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase %s", in.Str("phase"))
		}
	}
	want := map[string]string{phaseHeaders: "rewrite", phaseConfig: "set_config"}[in.Str("phase")]
	for _, r := range in.Objects("rules") {
		if a := r.Str("action"); a != want {
			return c.refuse(codeRules, "'%s' is not a valid value for action because it is not allowed in the phase %s", a, in.Str("phase"))
		}
		headers := r.Object("actionParameters").Object("headers")
		for _, name := range headers.Keys() {
			lower, h := strings.ToLower(name), headers.Object(name)
			if slices.Contains(visitorHeaders, lower) || strings.HasPrefix(lower, "cf-") || strings.HasPrefix(lower, "x-cf-") {
				return c.refuse(codeRules, "'%s' is not a valid value for name because it cannot be modified", name)
			}
			if (h.Str("operation") == "remove") == h.Has("value") {
				return c.refuse(codeRules, "header '%s' wants a value to be set and none to be removed", name)
			}
		}
	}
	return nil
}
