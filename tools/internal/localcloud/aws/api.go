package aws

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenAPI         = "aws:apigatewayv2/api:Api"
	tokenIntegration = "aws:apigatewayv2/integration:Integration"
	tokenRoute       = "aws:apigatewayv2/route:Route"

	labelAPI         = "API Gateway v2 API"
	labelIntegration = "API Gateway v2 Integration"
	labelRoute       = "API Gateway v2 Route"

	serviceAPI = "ApiGatewayV2"
)

// invalidAPI is the error for an API that does not exist in the region.
func invalidAPI(a action, id string) error {
	return a.refuse(codeNotFound, "Invalid API identifier specified %s:%s", Account, id)
}

// unsupported is the error for what AWS has and the local clouds do not.
func unsupported(property, format string, args ...any) resource.Failure {
	return resource.Failure{Property: property, Reason: "the local clouds do not have " + fmt.Sprintf(format, args...)}
}

// apiType is aws:apigatewayv2/api:Api. Source: API Gateway v2 API reference, CreateApi (name 1..128).
func apiType() *resource.Type {
	return &resource.Type{
		Token: tokenAPI, Label: labelAPI,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Min: resource.At(1), Max: resource.At(128)},
			{Name: "protocolType", Kind: resource.String, Required: true, Immutable: true, OneOf: oneOf("WEBSOCKET", "HTTP")},
			{Name: "description", Kind: resource.String, Max: resource.At(1024)},
			flag("disableExecuteApiEndpoint", false),
			{Name: "ipAddressType", Kind: resource.String, Default: "ipv4", OneOf: oneOf("ipv4", "dualstack")},
			{Name: "routeSelectionExpression", Kind: resource.String, Default: "$request.method $request.path"},
			{Name: "apiKeySelectionExpression", Kind: resource.String, Default: "$request.header.x-api-key"},
			{Name: "version", Kind: resource.String, Min: resource.At(1), Max: resource.At(64)},
			regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{"body", "corsConfiguration", "credentialsArn", "failOnWarnings", "routeKey", "target"},
		Computed:   []string{"apiEndpoint", "arn", "executionArn", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 128},
		Scope:      []string{"region"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if in.Str("protocolType") == "WEBSOCKET" {
				return []resource.Failure{unsupported("protocolType", "WebSocket APIs")}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			region := in.Str("region")
			id := serial(env, 10, tokenAPI, region, in.Str("name"))
			// AWS's own certificate for the default endpoint, should it be enabled now or later.
			cert, key, err := env.CA.Issue(executeHost(id, region))
			if err != nil {
				return "", nil, fmt.Errorf("creating %s (%s): %w", labelAPI, in.Str("name"), err)
			}
			return id, resource.Props{
				"apiEndpoint":  "https://" + executeHost(id, region),
				"arn":          fmt.Sprintf("arn:aws:apigateway:%s::/apis/%s", region, id),
				"executionArn": arn("execute-api", region, id),
				"tagsAll":      tagsAll(in),

				resource.PrivateKey: resource.Props{privateCert: string(cert), privateKey: string(key)},
			}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		// The children of an API go with it, but a domain name that leads to it keeps it.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, m := range env.View().Where(tokenAPIMapping, "apiId", old.ID) {
				return action{resource.OpDelete, labelAPI, old.ID, serviceAPI, "DeleteApi"}.refuse(codeBadRequest,
					"Please remove all base path mappings related to the API in your domains (%s)", m.Inputs.Str("domainName"))
			}
			for _, token := range []string{tokenRoute, tokenIntegration, tokenStage} {
				if err := removeAll(env, env.View().Where(token, "apiId", old.ID)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// executeHost is the host name of an API's default endpoint.
func executeHost(api, region string) string { return api + "." + executeZone(region) }

// executeZone is the domain of the regional endpoints of API Gateway.
func executeZone(region string) string { return "execute-api." + region + ".amazonaws.com" }

// invocationURI is the form of a Lambda integration's URI: the function's ARN, or API Gateway's own around it.
var invocationURI = regexp.MustCompile(`^(?:arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/)?(arn:aws:lambda:([a-z0-9-]+):\d{12}:function:[a-zA-Z0-9-_]+)(?::([\w$-]+))?(?:/invocations)?$`)

// integrationType is aws:apigatewayv2/integration:Integration. Source: API Gateway v2 API reference, CreateIntegration
// (timeout 50..30000 ms for HTTP APIs).
func integrationType() *resource.Type {
	return &resource.Type{
		Token: tokenIntegration, Label: labelIntegration,
		Properties: []resource.Property{
			{Name: "apiId", Kind: resource.String, Required: true, Immutable: true},
			{Name: "integrationType", Kind: resource.String, Required: true, Immutable: true, OneOf: oneOf("AWS", "HTTP", "MOCK", "HTTP_PROXY", "AWS_PROXY")},
			text("integrationUri"),
			{Name: "integrationMethod", Kind: resource.String, OneOf: oneOf("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "ANY")},
			{Name: "payloadFormatVersion", Kind: resource.String, Default: "1.0", OneOf: oneOf("1.0", "2.0")},
			{Name: "timeoutMilliseconds", Kind: resource.Int, Default: 30000.0, Min: resource.At(50), Max: resource.At(30000)},
			{Name: "connectionType", Kind: resource.String, Default: "INTERNET", OneOf: oneOf("INTERNET", "VPC_LINK")},
			{Name: "description", Kind: resource.String, Max: resource.At(1024)},
			regionProperty(),
		},
		Unmodelled: []string{"connectionId", "contentHandlingStrategy", "credentialsArn", "integrationSubtype", "passthroughBehavior",
			"requestParameters", "requestTemplates", "responseParameters", "templateSelectionExpression", "tlsConfig"},
		Computed: []string{"integrationResponseSelectionExpression"},
		Scope:    []string{"region"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if t := in.Str("integrationType"); t == "HTTP_PROXY" {
				out = append(out, unsupported("integrationType", "integrations of type %s", t))
			}
			if in.Str("payloadFormatVersion") == "1.0" {
				out = append(out, unsupported("payloadFormatVersion", "payload format 1.0; set 2.0"))
			}
			if c := in.Str("connectionType"); c == "VPC_LINK" {
				out = append(out, unsupported("connectionType", "connections of type %s", c))
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := serial(env, 7, tokenIntegration, in.Str("apiId"))
			return id, resource.Props{"integrationResponseSelectionExpression": ""}, checkIntegration(env, resource.OpCreate, id, in)
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkIntegration(env, resource.OpUpdate, old.ID, in)
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, r := range env.View().Where(tokenRoute, "target", "integrations/"+old.ID) {
				return action{resource.OpDelete, labelIntegration, old.ID, serviceAPI, "DeleteIntegration"}.refuse(codeConflict,
					"Cannot delete Integration '%s', as it is referenced by Route '%s'", old.ID, r.ID)
			}
			return nil
		},
	}
}

func checkIntegration(env *resource.Env, op resource.Op, id string, in resource.Props) error {
	a := action{op, labelIntegration, id, serviceAPI, "CreateIntegration"}
	if op == resource.OpUpdate {
		a.call = "UpdateIntegration"
	}
	api := in.Str("apiId")
	if _, ok := env.View().GetIn(tokenAPI, in.Str("region"), api); !ok {
		return invalidAPI(a, api)
	}
	if t := in.Str("integrationType"); t != "AWS_PROXY" {
		return a.refuse(codeBadRequest, "HTTP API does not support %s integration type", t)
	}
	if !invocationURI.MatchString(in.Str("integrationUri")) {
		return a.refuse(codeBadRequest, "Invalid function ARN or invalid uri")
	}
	return nil
}

// routeKey is the form of a route key. Source: "Create routes for HTTP APIs", docs.aws.amazon.com/apigateway/latest/
// developerguide/http-api-develop-routes.html.
var routeKey = regexp.MustCompile(`^(\$default|(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /\S*)$`)

// routeType is aws:apigatewayv2/route:Route. Source: API Gateway v2 API reference, CreateRoute.
func routeType() *resource.Type {
	return &resource.Type{
		Token: tokenRoute, Label: labelRoute,
		Properties: []resource.Property{
			{Name: "apiId", Kind: resource.String, Required: true, Immutable: true},
			{Name: "routeKey", Kind: resource.String, Required: true},
			text("target"),
			{Name: "authorizationType", Kind: resource.String, Default: "NONE", OneOf: oneOf("NONE", "AWS_IAM", "CUSTOM", "JWT")},
			{Name: "apiKeyRequired", Kind: resource.Bool, Default: false, OneOf: []any{false}}, // WebSocket APIs only
			{Name: "operationName", Kind: resource.String, Max: resource.At(64)},
			regionProperty(),
		},
		Unmodelled: []string{"authorizationScopes", "authorizerId", "modelSelectionExpression", "requestModels", "requestParameters", "routeResponseSelectionExpression"},
		Scope:      []string{"region"},
		Unique:     []string{"apiId", "routeKey", "region"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelRoute, in.Str("apiId"), serviceAPI, "CreateRoute"}.refuse(codeConflict,
				"Route with key %s already exists for this API", in.Str("routeKey"))
		},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if t := in.Str("authorizationType"); t != "" && t != "NONE" {
				out = append(out, unsupported("authorizationType", "authorisation of type %s", t))
			}
			if k := in.Str("routeKey"); k != "$default" && routeKey.MatchString(k) { // a malformed one is AWS's to refuse
				out = append(out, unsupported("routeKey", "routes other than $default, got %q", k))
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := serial(env, 7, tokenRoute, in.Str("apiId"), in.Str("routeKey"))
			return id, nil, checkRoute(env, resource.OpCreate, id, in)
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkRoute(env, resource.OpUpdate, old.ID, in)
		},
	}
}

func checkRoute(env *resource.Env, op resource.Op, id string, in resource.Props) error {
	a := action{op, labelRoute, id, serviceAPI, "CreateRoute"}
	if op == resource.OpUpdate {
		a.call = "UpdateRoute"
	}
	api := in.Str("apiId")
	if _, ok := env.View().GetIn(tokenAPI, in.Str("region"), api); !ok {
		return invalidAPI(a, api)
	}
	if !routeKey.MatchString(in.Str("routeKey")) {
		return a.refuse(codeBadRequest, `The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"`)
	}
	if target := in.Str("target"); target != "" {
		integration, ok := env.View().GetIn(tokenIntegration, in.Str("region"), strings.TrimPrefix(target, "integrations/"))
		if !ok || !strings.HasPrefix(target, "integrations/") || integration.Inputs.Str("apiId") != api {
			return a.refuse(codeNotFound, "Invalid Integration identifier specified %s", target)
		}
	}
	return nil
}

// defaultIntegration is what an API's $default route leads to.
func defaultIntegration(v resource.View, region, api string) (resource.Record, bool) {
	routes := v.Where(tokenRoute, "apiId", api)
	i := slices.IndexFunc(routes, func(r resource.Record) bool { return r.Inputs.Str("routeKey") == "$default" })
	if i < 0 {
		return resource.Record{}, false
	}
	return v.GetIn(tokenIntegration, region, strings.TrimPrefix(routes[i].Inputs.Str("target"), "integrations/"))
}
