package schema

import (
	"reflect"
	"slices"
	"strings"

	"polygate.example/infra/settings"
)

// dial is what may be under a key of a stack file.
type dial struct {
	text  string
	shape *node
}

// Stack is the JSON Schema of a stack file, Pulumi.<env>.yaml. The keys of structured dials are those of the types that they are decoded into;
// which dials there are is tested against the list of them. Keys of other namespaces, which belong to Pulumi's providers, are taken as they are.
func Stack() ([]byte, error) {
	props, names := map[string]any{}, []any{}
	for _, key := range settings.Keys() {
		d := dials()[key]
		if d.shape == nil {
			d.shape = &node{}
		}
		d.shape.Description = d.text
		full := settings.Namespace + ":" + key
		props[full], names = d.shape, append(names, full)
	}
	text := &node{Type: "string"}
	return encode(&node{
		Schema: draft, Title: "polygate stack file", Description: "The dials of one environment, stacks/Pulumi.<env>.yaml.",
		Type: "object",
		Properties: map[string]any{
			"config": &node{Type: "object", Properties: props, Required: []string{"polygate:hostname", "polygate:manager", "polygate:regions", "polygate:zone"},
				PropertyNames: &node{AnyOf: []*node{{Enum: names}, {Pattern: ":", Not: &node{Pattern: "^" + settings.Namespace + ":"}}}}},
			"encryptedkey": text, "encryptionsalt": text, "environment": &node{}, "secretsprovider": text,
		},
		AdditionalProperties: false,
	})
}

// dials are all there are. What they mean at length is in README.md at the top of the project.
func dials() map[string]dial {
	regions := func(n *node) *node {
		return &node{Type: "object", PropertyNames: &node{Pattern: regionName}, AdditionalProperties: n}
	}
	return map[string]dial{
		"hostname":            {"the one name that clients use, below the zone", text()},
		"zone":                {"the hosted zone that holds it, which exists already", text()},
		"pattern":             {"how regions share traffic", oneOf(settings.Patterns()...)},
		"steering":            {"how regions that serve at the same time share traffic", oneOf(settings.Steerings()...)},
		"manager":             {"who steers: `route53`, `trafficmanager` or `cloudflare`", text()},
		"spare":               {"a second manager that holds the same zone, ready for the day the first one is lost", text()},
		"regions":             {"list of `provider/region`; the first is the primary", &node{Type: "array", MinItems: 1, Items: &node{Type: "string", Pattern: regionName}}},
		"weights":             {"by region: its share", regions(whole(1, 255))},
		"geo":                 {"by region: whom it serves", regions(of(settings.Serves{}))},
		"ramp":                {"the steps, in per cent, in which a region has its clients back after an outage", &node{Type: "array", Items: whole(1, 100)}},
		"drained":             {"regions that are to have no traffic, whatever their health", &node{Type: "array", Items: &node{Type: "string", Pattern: regionName}}},
		"ttl":                 {"seconds that a client may keep a DNS answer", whole(1, 86400).with(settings.DefaultTTL)},
		"check":               {"how health is checked: seconds between checks, how many have to agree, seconds that one may take, and the path", of(settings.Check{})},
		"route53":             {"options of the manager route53", of(settings.Route53{})},
		"trafficmanager":      {"options of the manager trafficmanager", of(settings.TrafficManager{})},
		"cloudflare":          {"options of the manager cloudflare", of(settings.Cloudflare{})},
		"architecture":        {"of the functions; `host` in local only", oneOf(settings.ArchitectureAMD64, settings.ArchitectureARM64, settings.ArchitectureHost)},
		"memory":              {"of a function, in MB", whole(128, 32768).with(settings.DefaultMemory)},
		"timeout":             {"of a request, in seconds", whole(1, 900).with(settings.DefaultTimeout)},
		"concurrency":         {"most instances of a region", whole(1, 1000).with(settings.DefaultConcurrency)},
		"warm":                {"instances of a region that are kept ready", whole(0, 100)},
		"zoneRedundant":       {"asks Azure for it; it is built in on AWS and Google", &node{Type: "boolean"}},
		"logRetentionDays":    {"of the functions' logs", whole(1, 3653).with(settings.DefaultLogRetention)},
		"certificate":         {"certificate of the Azure regions; `polygate cert issue` gets one", of(settings.Certificate{})},
		"caa":                 {"writes a CAA record at the zone's top that admits the authorities in use", &node{Type: "boolean"}},
		"variables":           {"of the functions' environment; nothing secret", &node{Type: "object", AdditionalProperties: text()}},
		"secrets":             {"by variable: references into each provider's own store", &node{Type: "object", AdditionalProperties: &node{Type: "object", AdditionalProperties: text()}}},
		"frontSecret":         {"what a proxying manager shows to the regions; encrypted", secret()},
		"frontSecretBefore":   {"what the regions take beside it while it is changed; encrypted", secret()},
		"permissionsBoundary": {"ARN of an IAM policy that no role on AWS goes beyond", text()},
		"alarms":              {"when and whom to call", of(settings.Alarms{})},
		"budget":              {"what each provider's part may cost a month, in US dollars", of(settings.Budget{})},
		"protect":             {"refuse to delete what an outage would follow from", &node{Type: "boolean"}},
		"localClouds":         {"in local only: speed and addresses", of(settings.LocalClouds{})},
	}
}

func text() *node { return &node{Type: "string", MinLength: 1} }

// secret is text, or what Pulumi writes of a secret.
func secret() *node {
	return &node{AnyOf: []*node{{Type: "string"}, {Type: "object", Properties: map[string]any{"secure": &node{Type: "string"}}, Required: []string{"secure"}, AdditionalProperties: false}}}
}

func whole(least, most float64) *node {
	return &node{Type: "integer", Minimum: number(least), Maximum: number(most)}
}

func (n *node) with(value any) *node {
	n.Default = value
	return n
}

func oneOf[T ~string](values ...T) *node {
	n := &node{Type: "string"}
	for _, v := range values {
		n.Enum = append(n.Enum, string(v))
	}
	return n
}

// of is the schema of what is decoded into a value's type.
func of(v any) *node { return ofType(reflect.TypeOf(v)) }

func ofType(t reflect.Type) *node {
	switch t.Kind() {
	case reflect.Pointer:
		return ofType(t.Elem())
	case reflect.Struct:
		n := &node{Type: "object", Properties: map[string]any{}, AdditionalProperties: false}
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
				n.Properties[name] = ofType(t.Field(i).Type)
			}
		}
		return n
	case reflect.Slice:
		return &node{Type: "array", Items: ofType(t.Elem())}
	case reflect.String:
		return &node{Type: "string"}
	case reflect.Bool:
		return &node{Type: "boolean"}
	}
	if slices.Contains([]reflect.Kind{reflect.Float32, reflect.Float64}, t.Kind()) {
		return &node{Type: "number"}
	}
	return &node{Type: "integer"}
}
