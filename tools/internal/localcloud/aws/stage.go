package aws

import (
	"context"
	"fmt"
	"regexp"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenStage = "aws:apigatewayv2/stage:Stage"
	labelStage = "API Gateway v2 Stage"
)

// stageType is aws:apigatewayv2/stage:Stage. Source: API Gateway v2 API reference, CreateStage (name 1..128, $default
// or letters, digits, - and _).
func stageType() *resource.Type {
	return &resource.Type{
		Token: tokenStage, Label: labelStage,
		Properties: []resource.Property{
			{Name: "apiId", Kind: resource.String, Required: true, Immutable: true},
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(128), Pattern: regexp.MustCompile(`^(\$default|[\w-]+)$`)},
			flag("autoDeploy", false),
			{Name: "description", Kind: resource.String, Max: resource.At(1024)},
			{Name: "accessLogSettings", Kind: resource.Object, Fields: []resource.Property{
				{Name: "destinationArn", Kind: resource.String, Required: true},
				{Name: "format", Kind: resource.String, Required: true, Max: resource.At(3072)},
			}},
			{Name: "defaultRouteSettings", Kind: resource.Object, Fields: []resource.Property{flag("detailedMetricsEnabled", false)},
				Unmodelled: []string{"dataTraceEnabled", "loggingLevel", "throttlingBurstLimit", "throttlingRateLimit"}},
			regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{"clientCertificateId", "deploymentId", "routeSettings", "stageVariables"},
		Computed:   []string{"arn", "deploymentId", "executionArn", "invokeUrl", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 128},
		Scope:      []string{"region", "apiId"},
		Unique:     []string{"apiId", "name", "region"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelStage, in.Str("name"), serviceAPI, "CreateStage"}.refuse(codeConflict, "Stage already exists")
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			region, api, name := in.Str("region"), in.Str("apiId"), in.Str("name")
			out := resource.Props{
				"arn":          fmt.Sprintf("arn:aws:apigateway:%s::/apis/%s/stages/%s", region, api, name),
				"executionArn": arn("execute-api", region, api+"/"+name),
				"invokeUrl":    "https://" + executeHost(api, region) + "/",
				"deploymentId": "",
				"tagsAll":      tagsAll(in),
			}
			if name != "$default" {
				out["invokeUrl"] = "https://" + executeHost(api, region) + "/" + name
			}
			if in.Bool("autoDeploy") {
				out["deploymentId"] = derive(6, "deployment", api, name)
			}
			return name, out, checkStage(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, checkStage(env, resource.OpUpdate, in)
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, m := range env.View().Where(tokenAPIMapping, "apiId", old.Inputs.Str("apiId")) {
				if m.Inputs.Str("stage") == old.ID {
					return action{resource.OpDelete, labelStage, old.ID, serviceAPI, "DeleteStage"}.refuse(codeBadRequest,
						"Please remove all base path mappings related to the stage in your domains (%s)", m.Inputs.Str("domainName"))
				}
			}
			return nil
		},
	}
}

func checkStage(env *resource.Env, op resource.Op, in resource.Props) error {
	a := action{op, labelStage, in.Str("name"), serviceAPI, "CreateStage"}
	if op == resource.OpUpdate {
		a.call = "UpdateStage"
	}
	if _, ok := env.View().GetIn(tokenAPI, in.Str("region"), in.Str("apiId")); !ok {
		return invalidAPI(a, in.Str("apiId"))
	}
	if in.Has("accessLogSettings") {
		dest := in.Object("accessLogSettings").Str("destinationArn")
		if group, ok := logGroupByARN(env.View(), dest); !ok || group.Scope != in.Str("region") {
			return a.refuse(codeBadRequest, "Invalid ARN specified in the request. ARN must be that of a log group which exists in %s, got %q", in.Str("region"), dest)
		}
	}
	return nil
}
