package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// accessLog is what the front records of each request. Source: "Customize HTTP API access logs",
// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html.
var accessLog = map[string]string{
	"requestId":        "$context.requestId",
	"time":             "$context.requestTime",
	"ip":               "$context.identity.sourceIp",
	"host":             "$context.domainName",
	"method":           "$context.httpMethod",
	"path":             "$context.path",
	"status":           "$context.status",
	"bytes":            "$context.responseLength",
	"latency":          "$context.responseLatency",
	"integrationError": "$context.integrationErrorMessage",
}

// front declares the HTTP API: every request goes to the function's live version, and the API's default URL is off, so that
// the two custom domains are the only way in.
func (r *region) front(live *lambda.Alias) (*apigatewayv2.Api, *apigatewayv2.Stage, error) {
	api, err := apigatewayv2.NewApi(r.ctx, r.name+"-api", &apigatewayv2.ApiArgs{
		Name:                      pulumi.String(r.stem),
		Region:                    r.in,
		ProtocolType:              pulumi.String("HTTP"),
		DisableExecuteApiEndpoint: pulumi.Bool(true),
		Tags:                      r.tags,
	}, r.parent)
	if err != nil {
		return nil, nil, r.failed("API", err)
	}
	// The ARN the API presents is <api>/<stage>/$default; the stage is left open as the console leaves it, the
	// API has only one. Source: "Control access to HTTP APIs / Lambda permissions", docs.aws.amazon.com/apigateway/
	// latest/developerguide/http-api-develop-integrations-lambda.html. An alias has a policy of its own: what may invoke the
	// function may not invoke its alias. Source: "Using resource-based policies", docs.aws.amazon.com/lambda/latest/dg/
	// access-control-resource-based.html.
	permission, err := lambda.NewPermission(r.ctx, r.name+"-permission", &lambda.PermissionArgs{
		Region:      r.in,
		StatementId: pulumi.String("api-gateway-" + aliasName),
		Action:      pulumi.String("lambda:InvokeFunction"),
		Principal:   pulumi.String("apigateway.amazonaws.com"),
		Function:    live.FunctionName,
		Qualifier:   live.Name,
		SourceArn:   pulumi.Sprintf("%s/*/$default", api.ExecutionArn),
	}, r.parent)
	if err != nil {
		return nil, nil, r.failed("permission", err)
	}
	r.serving = append(r.serving, permission)
	integration, err := apigatewayv2.NewIntegration(r.ctx, r.name+"-integration", &apigatewayv2.IntegrationArgs{
		ApiId:                api.ID(),
		Region:               r.in,
		IntegrationType:      pulumi.String("AWS_PROXY"),
		IntegrationMethod:    pulumi.String("POST"), // how Lambda is invoked, whatever the client's method
		IntegrationUri:       live.InvokeArn,
		PayloadFormatVersion: pulumi.String("2.0"),
		// The most there is: the function's own timeout, which is not above it, decides.
		TimeoutMilliseconds: pulumi.Int(30000),
	}, r.parent, pulumi.DependsOn([]pulumi.Resource{permission})) // what is not allowed yet would answer 500
	if err != nil {
		return nil, nil, r.failed("integration", err)
	}
	route, err := apigatewayv2.NewRoute(r.ctx, r.name+"-route", &apigatewayv2.RouteArgs{
		ApiId:    api.ID(),
		Region:   r.in,
		RouteKey: pulumi.String("$default"),
		Target:   pulumi.Sprintf("integrations/%s", integration.ID()),
	}, r.parent)
	if err != nil {
		return nil, nil, r.failed("route", err)
	}
	stage, err := r.stage(api, route)
	if err != nil {
		return nil, nil, err
	}
	return api, stage, nil
}

func (r *region) stage(api *apigatewayv2.Api, route *apigatewayv2.Route) (*apigatewayv2.Stage, error) {
	// API Gateway adds to one resource policy for all groups that services deliver to; the name space
	// /aws/vendedlogs keeps that policy below its size limit. Source: "Logs sent to CloudWatch Logs",
	// docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html.
	access, err := cloudwatch.NewLogGroup(r.ctx, r.name+"-access-logs", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/aws/vendedlogs/" + r.stem + "/access"),
		Region:          r.in,
		RetentionInDays: pulumi.Int(r.account.args.Settings.LogRetentionDays),
		Tags:            r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("access log group", err)
	}
	format, err := json.Marshal(accessLog)
	if err != nil {
		return nil, r.failed("access log", fmt.Errorf("encode its format: %w", err))
	}
	stage, err := apigatewayv2.NewStage(r.ctx, r.name+"-stage", &apigatewayv2.StageArgs{
		ApiId:      api.ID(),
		Region:     r.in,
		Name:       pulumi.String("$default"),
		AutoDeploy: pulumi.Bool(true),
		// No defaultRouteSettings: the account's own throttle (10,000 requests a second) and the function's reserved
		// concurrency hold, and the alarms' metrics are published per API without the paid details. Source: "Work with
		// CloudWatch metrics for HTTP APIs", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html.
		AccessLogSettings: apigatewayv2.StageAccessLogSettingsArgs{
			DestinationArn: access.Arn, Format: pulumi.String(string(format)),
		},
		Tags: r.tags,
	}, r.parent, pulumi.DependsOn([]pulumi.Resource{route}))
	if err != nil {
		return nil, r.failed("stage", err)
	}
	return stage, nil
}
