package schema

import (
	"polygate.example/shared/gateway"
	"polygate.example/shared/jwk"
)

// fact is what is known of a place beside what the decoder tells: rules of package gateway that a schema can say. A test holds each
// of them against those rules.
type fact struct {
	enum     []string // of text
	constant any
	pattern  string  // of text
	names    string  // a pattern of keys
	least    float64 // of a number; 0 is none
	most     float64
	items    int  // least of a list
	one      bool // a mapping has exactly one key
	computed bool // the default depends on other keys
}

// name is that of an upstream, a route or a policy.
const name = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`

var (
	methods     = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
	countBy     = []string{gateway.ByConsumer, gateway.ByPlan, gateway.ByIP, gateway.ByRoute, gateway.ByEveryone}
	shareModes  = []string{gateway.ShareAsync, gateway.ShareStrict}
	storeErrors = []string{gateway.StoreErrorLocal, gateway.StoreErrorAllow, gateway.StoreErrorDeny}
	regionName  = `^[a-z][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`
)

// known are the facts by the place that they are of.
var known = map[string]fact{
	"version":                  {constant: gateway.Version},
	"upstreams":                {names: name},
	"upstreams.*.regions":      {names: regionName},
	"policies":                 {names: name},
	"policies.*":               {one: true},
	"routes":                   {items: 1},
	"routes[].name":            {pattern: name},
	"routes[].fault":           {enum: []string{gateway.FaultPanic, gateway.FaultTruncate}},
	"routes[].match.path":      {pattern: `^/`},
	"routes[].match.methods[]": {enum: methods},
	"routes[].match.headers.*": {one: true},
	"routes[].match.query.*":   {one: true},
	"routes[].respond.status":  {least: 200, most: 599},

	"policies.*.jwt.algorithms[]":                          {enum: jwk.Algorithms()},
	"policies.*.limits.compressed":                         {enum: []string{gateway.CompressedRefuse}},
	"policies.*.limits.methods[]":                          {enum: methods},
	"policies.*.quota.by":                                  {enum: countBy},
	"policies.*.quota.by[]":                                {enum: countBy},
	"policies.*.quota.keys":                                {least: 100, most: 1_000_000},
	"policies.*.quota.limit":                               {least: 1},
	"policies.*.quota.period":                              {enum: gateway.Periods()},
	"policies.*.quota.plans":                               {names: name},
	"policies.*.quota.shared.mode":                         {enum: shareModes},
	"policies.*.quota.shared.onStoreError":                 {enum: storeErrors},
	"policies.*.rateLimit.burst":                           {computed: true},
	"policies.*.rateLimit.by":                              {enum: countBy},
	"policies.*.rateLimit.by[]":                            {enum: countBy},
	"policies.*.rateLimit.keys":                            {least: 100, most: 1_000_000},
	"policies.*.rateLimit.plans":                           {names: name},
	"policies.*.rateLimit.plans.*.burst":                   {computed: true},
	"policies.*.rateLimit.rate":                            {least: 1},
	"policies.*.rateLimit.shared.mode":                     {enum: shareModes},
	"policies.*.rateLimit.shared.onStoreError":             {enum: storeErrors},
	"policies.*.securityHeaders.crossOriginEmbedderPolicy": {enum: []string{"require-corp", "credentialless", "unsafe-none"}},
	"policies.*.securityHeaders.crossOriginResourcePolicy": {enum: []string{"same-origin", "same-site", "cross-origin"}},
	"policies.*.securityHeaders.frameOptions":              {enum: []string{"DENY", "SAMEORIGIN"}},
	"policies.*.signature.keys[].algorithm":                {enum: []string{gateway.AlgorithmEd25519, gateway.AlgorithmECDSA, gateway.AlgorithmPSS, gateway.AlgorithmHMAC}},
	"policies.*.signature.keys[].encoding":                 {enum: []string{gateway.EncodingText, gateway.EncodingBase64}},
	"policies.*.signature.nonce":                           {enum: []string{gateway.NonceRequired, gateway.NonceOptional}},
	"policies.*.validate.parameters[].in":                  {enum: []string{gateway.InPath, gateway.InQuery, gateway.InHeader, gateway.InCookie}},
	"policies.*.validate.parameters[].style":               {enum: []string{gateway.StyleSimple, gateway.StyleForm, gateway.StyleSpace, gateway.StylePipe, gateway.StyleDeep}},
	"policies.*.validate.unknownQuery":                     {enum: []string{gateway.UnknownAllow, gateway.UnknownDeny}},
	"policies.*.validate.response":                         {enum: []string{gateway.ResponseEnforce, gateway.ResponseLog}},
}

// add puts the facts into the schema of their place, each into the form that it is of.
func (f fact) add(n *node) {
	for _, form := range append([]*node{n}, n.AnyOf...) {
		switch form.Type {
		case "string":
			for _, v := range f.enum {
				form.Enum = append(form.Enum, v)
			}
			if f.enum != nil {
				form.MinLength = 0
			}
			if f.pattern != "" {
				form.Pattern = f.pattern
			}
		case "integer", "number":
			if f.least != 0 {
				form.Minimum = number(f.least)
			}
			if f.most != 0 {
				form.Maximum = number(f.most)
			}
			form.Const = f.constant
		case "array":
			form.MinItems = max(form.MinItems, f.items)
		case "object":
			if f.names != "" {
				form.PropertyNames = &node{Pattern: f.names}
			}
			if f.one {
				form.MinProperties, form.MaxProperties = 1, 1
			}
		}
	}
}
