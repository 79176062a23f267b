package aws

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// Figures of the alarms. Metrics of API Gateway and Lambda come once a minute, those of ACM twice a day.
const (
	alarmPeriod       = 300   // seconds
	certificatePeriod = 86400 // seconds
	certificateDays   = 30    // ACM renews 45 days and more before expiry: below, a renewal has failed for two weeks
)

// alarms declares who is told and of what. Every region has alarms and a topic of its own: an alarm can only tell a topic of
// its region, and a lost region must not take the others' alarms with it. What is told are names and figures, no secrets.
// A topic under alias/aws/sns would never hear of an alarm, because that key's policy does not admit CloudWatch, and a key
// of one's own costs a dollar a month in each region and has a policy on "*": the topic has none. Source: "Why didn't I receive
// an SNS notification for my CloudWatch alarm trigger", repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger.
func (r *region) alarms(fn *lambda.Function, api *apigatewayv2.Api, certificate *acm.CertificateValidation) error {
	dial := r.account.args.Settings.Alarms
	if dial == nil {
		return nil
	}
	topic, allowed, err := r.topic(dial.Email)
	if err != nil {
		return err
	}
	ofAPI := pulumi.StringMap{"ApiId": api.ID().ToStringOutput()}
	ofFunction := pulumi.StringMap{"FunctionName": fn.Name}
	all := map[string]*cloudwatch.MetricAlarmArgs{
		"errors": {
			AlarmDescription: pulumi.Sprintf("More than %g %% of the requests to %s are answered with a server error", dial.ErrorPercent, r.args.Region),
			MetricQueries:    serverErrors(ofAPI), Threshold: pulumi.Float64(dial.ErrorPercent),
		},
		"latency": {
			AlarmDescription: pulumi.Sprintf("One request in a hundred to %s takes longer than %d ms", r.args.Region, dial.LatencyMS),
			Namespace:        pulumi.String("AWS/ApiGateway"), MetricName: pulumi.String("Latency"), Dimensions: ofAPI,
			ExtendedStatistic: pulumi.String("p99"), Threshold: pulumi.Float64(float64(dial.LatencyMS)),
		},
		"throttles": {
			AlarmDescription: pulumi.Sprintf("Requests to %s are refused: all %d instances are busy", r.args.Region, r.account.args.Settings.Concurrency),
			Namespace:        pulumi.String("AWS/Lambda"), MetricName: pulumi.String("Throttles"), Dimensions: ofFunction,
			Statistic: pulumi.String("Sum"), Threshold: pulumi.Float64(0),
		},
		"crashes": {
			AlarmDescription: pulumi.Sprintf("The function in %s fails: it ends, does not start or takes longer than its timeout", r.args.Region),
			Namespace:        pulumi.String("AWS/Lambda"), MetricName: pulumi.String("Errors"), Dimensions: ofFunction,
			Statistic: pulumi.String("Sum"), Threshold: pulumi.Float64(0),
		},
		"certificate": {
			AlarmDescription: pulumi.Sprintf("The certificate of %s ends in less than %d days and was not renewed", r.args.Region, certificateDays),
			Namespace:        pulumi.String("AWS/CertificateManager"), MetricName: pulumi.String("DaysToExpiry"),
			Dimensions: pulumi.StringMap{"CertificateArn": certificate.CertificateArn},
			Statistic:  pulumi.String("Minimum"), Period: pulumi.Int(certificatePeriod), Threshold: pulumi.Float64(certificateDays),
			ComparisonOperator: pulumi.String("LessThanThreshold"),
			// The figures stop when a certificate has ended, which is no reason for the alarm to.
			TreatMissingData: pulumi.String("ignore"),
		},
	}
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		if err := r.alarm(kind, all[kind], topic, allowed); err != nil {
			return err
		}
	}
	return nil
}

// alarm declares one alarm, filling in what most have in common: one span of five minutes above a threshold, and silence is
// good, because a standby has no requests. The topic hears of it beginning and ending.
func (r *region) alarm(kind string, args *cloudwatch.MetricAlarmArgs, topic *sns.Topic, allowed pulumi.Resource) error {
	args.Name, args.Region, args.Tags = pulumi.String(r.stem+"-"+kind), r.in, r.tags
	args.AlarmActions, args.OkActions = pulumi.Array{topic.Arn}, pulumi.Array{topic.Arn}
	args.EvaluationPeriods = pulumi.Int(1)
	if args.ComparisonOperator == nil {
		args.ComparisonOperator = pulumi.String("GreaterThanThreshold")
	}
	if args.TreatMissingData == nil {
		args.TreatMissingData = pulumi.String("notBreaching")
	}
	if args.Period == nil && args.MetricQueries == nil {
		args.Period = pulumi.Int(alarmPeriod)
	}
	if _, err := cloudwatch.NewMetricAlarm(r.ctx, r.name+"-"+kind+"-alarm", args, r.parent, provider.Replaceable(),
		pulumi.DependsOn([]pulumi.Resource{allowed})); err != nil {
		return r.failed("alarm "+kind, err)
	}
	return nil
}

// serverErrors are the server errors of an API in per cent of its requests. Source of the names: "Work with CloudWatch
// metrics for HTTP APIs", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html.
func serverErrors(dimensions pulumi.StringMap) cloudwatch.MetricAlarmMetricQueryArray {
	sum := func(id, metric string) cloudwatch.MetricAlarmMetricQueryInput {
		return cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(id), Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String("AWS/ApiGateway"), MetricName: pulumi.String(metric), Dimensions: dimensions,
			Stat: pulumi.String("Sum"), Period: pulumi.Int(alarmPeriod),
		}}
	}
	return cloudwatch.MetricAlarmMetricQueryArray{
		sum("errors", "5xx"), sum("requests", "Count"),
		cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String("share"), Label: pulumi.String("Server errors in per cent"), ReturnData: pulumi.Bool(true),
			Expression: pulumi.String("IF(requests > 0, 100 * errors / requests, 0)"),
		},
	}
}

// topic declares whom the region's alarms tell; allowed is the resource with which they may. The address gets a message with
// a link, and nothing more until someone follows it.
func (r *region) topic(email string) (topic *sns.Topic, allowed pulumi.Resource, err error) {
	topic, err = sns.NewTopic(r.ctx, r.name+"-alarms", &sns.TopicArgs{
		Name: pulumi.String(r.stem + "-alarms"), Region: r.in, Tags: r.tags,
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, nil, r.failed("topic", err)
	}
	document := pulumi.All(topic.Arn, topic.Owner).ApplyT(func(known []any) (string, error) {
		arn, isText := known[0].(string)
		owner, isToo := known[1].(string)
		if !isText || !isToo {
			return "", fmt.Errorf("the topic of %s has no ARN", r.args.Region)
		}
		return policy{Statement: []statement{{
			Effect: "Allow", Action: []string{"sns:Publish"}, Resource: []string{arn},
			Principal: map[string]string{"Service": "cloudwatch.amazonaws.com"},
			Condition: map[string]map[string]string{"StringEquals": {"aws:SourceAccount": owner}},
		}}}.json()
	}).(pulumi.StringOutput)
	allowed, err = sns.NewTopicPolicy(r.ctx, r.name+"-alarms-policy", &sns.TopicPolicyArgs{
		Arn: topic.Arn, Policy: document, Region: r.in,
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, nil, r.failed("policy of the topic", err)
	}
	if _, err := sns.NewTopicSubscription(r.ctx, r.name+"-alarms-email", &sns.TopicSubscriptionArgs{
		Region: r.in, Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(email),
	}, r.parent, provider.Replaceable()); err != nil {
		return nil, nil, r.failed("subscription", err)
	}
	return topic, allowed, nil
}
