package aws_test

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

// fact is one rule of AWS: inputs that break it, and how AWS says so.
type fact struct {
	name   string
	source string // where AWS says so
	token  string
	in     func(b *bed, r *region) resource.Props
	code   string // of the error; "Check" when the provider refuses before any call
	words  string // part of the message
}

const (
	lambdaAPI          = "Lambda API reference, "
	lambdaGuide        = "Lambda developer guide, "
	iamAPI             = "IAM API reference, "
	iamGrammar         = "IAM user guide, Grammar of the IAM JSON policy language"
	logsAPI            = "CloudWatch Logs API reference, "
	gatewayAPI         = "API Gateway v2 API reference, "
	gatewayDev         = "API Gateway developer guide, "
	acmAPI             = "ACM API reference, "
	route53API         = "Route 53 API reference, "
	route53Dev         = "Route 53 developer guide, "
	snsAPI             = "SNS API reference, "
	snsActions         = "SNS developer guide, valid policy actions of topics; hashicorp/terraform issue 12740"
	alarmAPI           = "CloudWatch API reference, PutMetricAlarm, "
	budgetAPI          = "AWS Budgets API reference, "
	rePost             = "repost.aws/knowledge-center/"
	extensionVariables = "docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html, environment variables, "
	bridge             = "terraform-provider-aws, schema of the resource"

	// What AWS takes and what fails later is refused at once, with the reason that AWS gives later.
	forward = "ours, brought forward: "
	later   = forward + "CloudWatch takes the alarm, and each of its actions fails; " + rePost
)

// fn changes one property of a function that is fine otherwise.
func fn(name string, value any) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props {
		return b.functionInputs("other", "us-east-1", r.out("role").Str("arn")).With(resource.Props{name: value})
	}
}

// hc changes one property of a health check that is fine otherwise.
func hc(name string, value any) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props { return checkInputs(r.own).With(resource.Props{name: value}) }
}

// variables gives a function with the extension one variable.
func variables(name, value string) func(*bed, *region) resource.Props {
	return fn("environment", resource.Props{"variables": resource.Props{name: value}})
}

func is(p resource.Props) func(*bed, *region) resource.Props {
	return func(*bed, *region) resource.Props { return p }
}

func role(policy string) func(*bed, *region) resource.Props {
	return is(resource.Props{"name": "other", "assumeRolePolicy": policy})
}

func permissions(policy string) func(*bed, *region) resource.Props {
	return is(resource.Props{"name": "p", "role": "polygate-use1", "policy": policy})
}

var computeFacts = []fact{
	{"runtime name", lambdaAPI + "CreateFunction, Runtime", tFunction, fn("runtime", "provided.al2042"), "Check", "expected runtime to be one of"},
	{"runtime deprecated", lambdaGuide + "Deprecated runtimes", tFunction, fn("runtime", "go1.x"), "InvalidParameterValueException", "The runtime parameter of go1.x is no longer supported"},
	{"runtime without a local contract", "ours", tFunction, fn("runtime", "python3.13"), "Check", "the local clouds run the Lambda runtimes"},
	{"memory too small", lambdaAPI + "CreateFunction, MemorySize", tFunction, fn("memorySize", 127.0), "Check", "in the range (128 - 10240), got 127"},
	{"memory too large", lambdaAPI + "CreateFunction, MemorySize", tFunction, fn("memorySize", 10241.0), "Check", "in the range (128 - 10240), got 10241"},
	{"timeout too short", lambdaAPI + "CreateFunction, Timeout", tFunction, fn("timeout", 0.0), "Check", "in the range (1 - 900), got 0"},
	{"timeout too long", lambdaGuide + "Lambda quotas", tFunction, fn("timeout", 901.0), "Check", "in the range (1 - 900), got 901"},
	{"architecture name", lambdaAPI + "CreateFunction, Architectures", tFunction, fn("architectures", resource.List("amd64")), "Check", `one of ["x86_64", "arm64"], got "amd64"`},
	{"two architectures", lambdaAPI + "CreateFunction, Architectures: fixed number of 1 item", tFunction, fn("architectures", resource.List("arm64", "x86_64")), "Check", "number of items in architectures"},
	{"handler missing", lambdaAPI + "CreateFunction, Handler: required for zip", tFunction, fn("handler", nil), "Check", "handler must be set when packageType is Zip"},
	{"role missing", lambdaAPI + "CreateFunction", tFunction, fn("role", "arn:aws:iam::000000000000:role/nobody"), "InvalidParameterValueException", "cannot be assumed by Lambda"},
	{"role no ARN", lambdaAPI + "CreateFunction, Role pattern", tFunction, fn("role", "polygate"), "Check", "must match"},
	{"function exists", lambdaAPI + "CreateFunction, ResourceConflictException", tFunction, fn("name", "polygate-use1"), "ResourceConflictException", "StatusCode: 409"},
	{"function name", lambdaAPI + "CreateFunction, FunctionName pattern", tFunction, fn("name", "a b"), "Check", "must match"},
	{"no zip", lambdaAPI + "CreateFunction, InvalidParameterValueException", tFunction, func(b *bed, r *region) resource.Props {
		return fn("code", b.code(b.file("plain.zip", []byte("no zip"))))(b, r)
	}, "InvalidParameterValueException", "Could not unzip uploaded file"},
	{"no bootstrap", forward + "each invocation fails; " + lambdaGuide + "Troubleshoot invocation issues, Runtime.InvalidEntrypoint", tFunction, func(b *bed, r *region) resource.Props {
		return fn("code", b.code(b.zipOf("bin/bootstrap")))(b, r)
	}, "Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
	{"reserved variable", lambdaGuide + "Defined runtime environment variables", tFunction, fn("environment", resource.Props{"variables": resource.Props{"AWS_REGION": "x"}}),
		"InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"},
	{"variables over 4 KB", lambdaGuide + "Lambda quotas", tFunction, fn("environment", resource.Props{"variables": resource.Props{"BIG": strings.Repeat("x", 4096)}}),
		"InvalidParameterValueException", "exceeded the 4KB limit"},
	{"property unmodelled", "ours", tFunction, fn("vpcConfig", resource.Props{}), "Check", `the local clouds do not model "vpcConfig"`},
	{"property unknown", bridge, tFunction, fn("memmorySize", 1.0), "Check", `Invalid or unknown key "memmorySize"`},
	{"permission for nobody", lambdaAPI + "AddPermission, ResourceNotFoundException", tPermission,
		is(resource.Props{"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "nobody"}), "ResourceNotFoundException", "Function not found"},
	{"statement exists", lambdaAPI + "AddPermission, ResourceConflictException", tPermission, func(b *bed, _ *region) resource.Props {
		in := resource.Props{"statementId": "api-gateway", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1"}
		b.must(tPermission, in) // beside the one of the same name on the alias
		return in
	},
		"ResourceConflictException", "The statement id (api-gateway) provided already exists"},
	{"action of another service", lambdaAPI + "AddPermission, Action pattern", tPermission,
		is(resource.Props{"action": "s3:GetObject", "principal": "apigateway.amazonaws.com", "function": "polygate-use1"}), "Check", "must match"},
}

// on makes inputs that name the region's function.
func on(p resource.Props) func(*bed, *region) resource.Props {
	return is(resource.Props{"functionName": "polygate-use1"}.With(p))
}

var versionFacts = []fact{
	{"alias of no function", lambdaAPI + "CreateAlias, ResourceNotFoundException", tAlias, is(resource.Props{"name": "a", "functionName": "nobody", "functionVersion": "1"}),
		"ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"},
	{"alias of no version", lambdaAPI + "CreateAlias, ResourceNotFoundException", tAlias, on(resource.Props{"name": "a", "functionVersion": "9"}),
		"ResourceNotFoundException", "function:polygate-use1:9"},
	{"alias of another name for a version", lambdaAPI + "CreateAlias, FunctionVersion pattern", tAlias, on(resource.Props{"name": "a", "functionVersion": "live"}), "Check", "must match"},
	{"alias that looks like a version", lambdaAPI + "CreateAlias, Name pattern", tAlias, on(resource.Props{"name": "42", "functionVersion": "1"}), "Check", "must match"},
	{"alias exists", lambdaAPI + "CreateAlias, ResourceConflictException", tAlias, on(resource.Props{"name": "live", "functionVersion": "1"}),
		"ResourceConflictException", "Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:polygate-use1:live"},
	{"alias with weights", "ours", tAlias, on(resource.Props{"name": "a", "functionVersion": "1", "routingConfig": resource.Props{}}), "Check", `the local clouds do not model "routingConfig"`},
	{"reserved leaves too little", lambdaGuide + "Configuring reserved concurrency for a function", tFunction, fn("reservedConcurrentExecutions", 801.0),
		"InvalidParameterValueException", "below its minimum value of [100]"},
	{"provisioned of what is not published", lambdaGuide + "Configuring provisioned concurrency for a function", tWarm,
		on(resource.Props{"qualifier": "$LATEST", "provisionedConcurrentExecutions": 1.0}), "InvalidParameterValueException", "cannot be applied to unpublished function versions"},
	{"provisioned of an alias of what is not published", lambdaGuide + "Configuring provisioned concurrency for a function", tWarm, func(b *bed, _ *region) resource.Props {
		b.must(tAlias, resource.Props{"name": "edge", "functionName": "polygate-use1", "functionVersion": "$LATEST"})
		return resource.Props{"functionName": "polygate-use1", "qualifier": "edge", "provisionedConcurrentExecutions": 1.0}
	}, "InvalidParameterValueException", "cannot be applied to unpublished function versions"},
	{"provisioned of nothing", lambdaAPI + "PutProvisionedConcurrencyConfig, ResourceNotFoundException", tWarm,
		on(resource.Props{"qualifier": "nobody", "provisionedConcurrentExecutions": 1.0}), "ResourceNotFoundException", "polygate-use1:nobody"},
	{"provisioned none", lambdaAPI + "PutProvisionedConcurrencyConfig, ProvisionedConcurrentExecutions: minimum 1", tWarm,
		on(resource.Props{"qualifier": "1", "provisionedConcurrentExecutions": 0.0}), "Check", "at least (1)"},
	{"provisioned above reserved", lambdaGuide + "Configuring provisioned concurrency for a function", tWarm, // the alias has two of the hundred
		on(resource.Props{"qualifier": "1", "provisionedConcurrentExecutions": 99.0}), "InvalidParameterValueException", "should not be greater than the reservedConcurrentExecution"},
	{"provisioned above the account", lambdaGuide + "Configuring provisioned concurrency for a function", tWarm, func(b *bed, r *region) resource.Props {
		b.must(tFunction, fn("reservedConcurrentExecutions", -1.0)(b, r))
		return resource.Props{"functionName": "other", "qualifier": "1", "provisionedConcurrentExecutions": 801.0}
	}, "InvalidParameterValueException", "greater than account's unreserved concurrency [800]"},
	{"permission on no alias", lambdaAPI + "AddPermission, Qualifier, ResourceNotFoundException", tPermission,
		is(resource.Props{"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1", "qualifier": "nobody"}),
		"ResourceNotFoundException", "function:polygate-use1:nobody"},
	{"permission on what is not published", lambdaAPI + "AddPermission, InvalidParameterValueException", tPermission,
		is(resource.Props{"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1", "qualifier": "$LATEST"}),
		"InvalidParameterValueException", "do not support adding policies for $LATEST"},
	{"statement exists on the alias", lambdaAPI + "AddPermission, ResourceConflictException", tPermission,
		is(resource.Props{"statementId": "api-gateway", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-use1", "qualifier": "live"}),
		"ResourceConflictException", "The statement id (api-gateway) provided already exists"},
	{"six layers", lambdaAPI + "CreateFunction, Layers: up to five", tFunction,
		fn("layers", resource.List(layer("us-east-1", "1"), layer("us-east-1", "2"), layer("us-east-1", "3"), layer("us-east-1", "4"), layer("us-east-1", "5"), layer("us-east-1", "6"))),
		"Check", "number of items in layers"},
	{"layer of another region", lambdaGuide + "Adding layers to functions: same region", tFunction, fn("layers", resource.List(layer("eu-west-1", "-Arm64"))),
		"InvalidParameterValueException", "Layers are not in the same region"},
	{"layer without local content", "ours", tFunction, fn("layers", resource.List("arn:aws:lambda:us-east-1:123456789012:layer:mine:1")), "LocalCloudUnsupported", "do not have the layer"},
	{"secret kept too long", extensionVariables + "SECRETS_MANAGER_TTL: 0 to 300", tFunction, variables("SECRETS_MANAGER_TTL", "301"), "LocalCloudUnsupported", "want 0 to 300 seconds"},
	{"parameter kept too long", extensionVariables + "SSM_PARAMETER_STORE_TTL: 0 to 300", tFunction, variables("SSM_PARAMETER_STORE_TTL", "301"), "LocalCloudUnsupported", "want 0 to 300 seconds"},
	{"too many values kept", extensionVariables + "CACHE_SIZE: 0 to 1000", tFunction, variables("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", "1001"), "LocalCloudUnsupported", "want 0 to 1000 values"},
	{"no port of the extension", extensionVariables + "HTTP_PORT: 1 to 65535", tFunction, variables("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "0"), "LocalCloudUnsupported", "want a port"},
	{"cache of the extension on or off", extensionVariables + "CACHE_ENABLED: TRUE or FALSE", tFunction, variables("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", "no"), "LocalCloudUnsupported", "want true or false"},
	{"what the local extension does not do", "ours", tFunction, variables("SECRETS_MANAGER_TIMEOUT_MILLIS", "100"), "LocalCloudUnsupported", "the local extension does not know it"},
	{"layer for another architecture", forward + "each invocation fails; " + lambdaGuide + "Troubleshoot invocation issues, Extension.LaunchError", tFunction, fn("layers", resource.List(layer("us-east-1", ""))),
		"Extension.LaunchError", "built for another architecture"},
}

// alarm changes one property of an alarm on one metric that is fine otherwise, and math of one on metric math.
func alarm(name string, value any) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props {
		return alarmInputs(r.id("topic")).With(resource.Props{name: value})
	}
}

func math(name string, value any) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props {
		return mathInputs(r.id("topic")).With(resource.Props{name: value})
	}
}

// query changes one field of one of the three queries of an alarm on metric math.
func query(i int, field string, value any) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props {
		in := mathInputs(r.id("topic"))
		queries := in.Objects("metricQueries")
		queries[i] = queries[i].With(resource.Props{field: value})
		in["metricQueries"] = resource.List(queries[0], queries[1], queries[2])
		return in
	}
}

// budget changes one property of a budget that is fine otherwise.
func budget(name string, value any) func(*bed, *region) resource.Props {
	return is(budgetInputs("other").With(resource.Props{name: value}))
}

// tell makes inputs of an alarm whose topic is as the properties and the policy say; "" is the policy a topic has by itself.
func tell(properties resource.Props, policy string) func(*bed, *region) resource.Props {
	return func(b *bed, _ *region) resource.Props {
		topic, _ := b.must(tTopic, resource.Props{"name": "quiet"}.With(properties))
		if policy != "" {
			b.must(tTopicPolicy, resource.Props{"arn": topic, "policy": strings.ReplaceAll(policy, "TOPIC", topic)})
		}
		return alarmInputs(topic)
	}
}

// topicPolicy makes inputs of the region's topic's policy with a change; TOPIC is the topic's ARN.
func topicPolicy(old, text string) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props {
		return resource.Props{"arn": r.id("topic"), "policy": strings.ReplaceAll(strings.Replace(tells("TOPIC"), old, text, 1), "TOPIC", r.id("topic"))}
	}
}

var operationFacts = []fact{
	{"comparison", alarmAPI + "ComparisonOperator", tAlarm, alarm("comparisonOperator", "Above"), "Check", "expected comparisonOperator to be one of"},
	{"anomaly", "ours", tAlarm, alarm("comparisonOperator", "GreaterThanUpperThreshold"), "Check", "alarms on anomaly detection"},
	{"period", alarmAPI + "Period: 10, 20, 30 or a multiple of 60", tAlarm, alarm("period", 90.0), "Check", "one of [10 20 30] or divisible by 60"},
	{"period of nothing", alarmAPI + "Period: 10, 20, 30 or a multiple of 60", tAlarm, alarm("period", 0.0), "Check", "one of [10 20 30] or divisible by 60"},
	{"periods over a day", alarmAPI + "EvaluationPeriods", tAlarm, alarm("evaluationPeriods", 289.0), "ValidationError", "EvaluationPeriods * Period must be <= 86400"},
	{"hours over a week", alarmAPI + "EvaluationPeriods", tAlarm, func(b *bed, r *region) resource.Props {
		return alarm("evaluationPeriods", 169.0)(b, r).With(resource.Props{"period": 3600.0})
	}, "ValidationError", "EvaluationPeriods * Period must be <= 604800"},
	{"no periods", alarmAPI + "EvaluationPeriods: minimum 1", tAlarm, alarm("evaluationPeriods", 0.0), "Check", "at least (1)"},
	{"more datapoints than periods", alarmAPI + "DatapointsToAlarm", tAlarm, alarm("datapointsToAlarm", 2.0), "ValidationError", "must be less than or equal to EvaluationPeriods"},
	{"two statistics", alarmAPI + "Statistic, ExtendedStatistic: not both", tAlarm, alarm("statistic", "Sum"), "Check", `"extendedStatistic": conflicts with statistic`},
	{"no statistic", bridge + ", validMetricAlarm", tAlarm, alarm("extendedStatistic", nil), "ValidationError", "One of `statistic` or `extended_statistic` must be set"},
	{"percentile as statistic", alarmAPI + "Statistic", tAlarm, func(b *bed, r *region) resource.Props {
		return alarm("extendedStatistic", nil)(b, r).With(resource.Props{"statistic": "p99"})
	}, "Check", "expected statistic to be one of"},
	{"percentile above a hundred", alarmAPI + "ExtendedStatistic", tAlarm, alarm("extendedStatistic", "p101"), "Check", "must match"},
	{"no threshold", alarmAPI + "Threshold: required for static thresholds", tAlarm, alarm("threshold", nil), "ValidationError", "Threshold must be specified"},
	{"no metric", alarmAPI + "MetricName", tAlarm, alarm("namespace", nil), "ValidationError", "MetricName, Namespace and Period"},
	{"missing data", alarmAPI + "TreatMissingData", tAlarm, alarm("treatMissingData", "good"), "Check", "expected treatMissingData to be one of"},
	{"name of an alarm", alarmAPI + "AlarmName: up to 255", tAlarm, alarm("name", strings.Repeat("n", 256)), "Check", "(1 - 255)"},
	{"six actions", alarmAPI + "AlarmActions: up to 5", tAlarm, alarm("alarmActions", resource.List("arn:1", "arn:2", "arn:3", "arn:4", "arn:5", "arn:6")), "Check", "number of items in alarmActions"},
	{"topic of another region", alarmAPI + "AlarmActions", tAlarm, alarm("alarmActions", resource.List("arn:aws:sns:eu-west-1:000000000000:t")), "ValidationError", "Invalid region eu-west-1 specified. Only us-east-1 is supported."},
	{"action that is no topic", "ours", tAlarm, alarm("alarmActions", resource.List("arn:aws:automate:us-east-1:ec2:stop")), "LocalCloudUnsupported", "other than SNS topics"},
	{"topic that is not there", later + "cloudwatch-receive-sns-for-alarm-trigger", tAlarm, alarm("alarmActions", resource.List("arn:aws:sns:us-east-1:000000000000:nobody")), "ActionFailed", "there is no such topic"},
	{"topic under the key of SNS", later + "cloudwatch-configure-alarm-sns", tAlarm, tell(resource.Props{"kmsMasterKeyId": "alias/aws/sns"}, ""), "ActionFailed", "does not have authorization to access the SNS topic encryption key"},
	{"topic that admits others", later + "cloudwatch-receive-sns-for-alarm-trigger", tAlarm,
		tell(nil, strings.Replace(tells("TOPIC"), "cloudwatch.amazonaws.com", "budgets.amazonaws.com", 1)), "ActionFailed", "is not authorized to perform: SNS:Publish"},
	{"topic that admits another account", later + "cloudwatch-receive-sns-for-alarm-trigger; IAM user guide, aws:SourceAccount", tAlarm, tell(nil, strings.Replace(tells("TOPIC"), "000000000000\"}", "123456789012\"}", 1)), "ActionFailed", "is not authorized"},
	{"topic that admits another alarm", later + "cloudwatch-receive-sns-for-alarm-trigger", tAlarm,
		tell(nil, strings.Replace(tells("TOPIC"), `"StringEquals":{"aws:SourceAccount":"000000000000"}`, `"ArnLike":{"aws:SourceArn":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:mine"}`, 1)), "ActionFailed", "is not authorized"},
	{"metric and math", alarmAPI + "Metrics: not with MetricName", tAlarm, math("metricName", "Count"), "Check", `"metricQueries": conflicts with metricName`},
	{"math returns nothing", alarmAPI + "Metrics, ReturnData", tAlarm, query(2, "returnData", false), "ValidationError", "Exactly one element of the metrics list should return data."},
	{"math returns twice", alarmAPI + "Metrics, ReturnData", tAlarm, query(0, "returnData", true), "ValidationError", "Exactly one element of the metrics list should return data."},
	{"math with a metric", bridge + ", validMetricAlarm", tAlarm, query(0, "expression", "1"), "ValidationError", "both `expression` and a `metric`"},
	{"math of nothing", "CloudWatch API reference, MetricDataQuery", tAlarm, query(2, "expression", ""), "ValidationError", "Exactly one of MetricStat or Expression"},
	{"math on what is not there", "CloudWatch user guide, Using math expressions", tAlarm, query(2, "expression", "errors / total"), "ValidationError", "undefined variable total"},
	{"math under one name twice", "CloudWatch API reference, MetricDataQuery, Id: unique", tAlarm, query(1, "id", "errors"), "ValidationError", "ids must be unique"},
	{"math under a capital", "CloudWatch API reference, MetricDataQuery, Id", tAlarm, query(1, "id", "Requests"), "Check", "must match"},
	{"math of no statistic", "CloudWatch API reference, MetricStat, Stat", tAlarm, query(0, "metric",
		resource.Props{"namespace": "AWS/ApiGateway", "metricName": "5xx", "stat": "Total", "period": 300.0}), "ValidationError", "parameter Stat is not supported"},

	{"topic name", snsAPI + "CreateTopic, Name", tTopic, is(resource.Props{"name": "a b"}), "Check", "must match"},
	{"policy of no topic", snsAPI + "SetTopicAttributes, NotFound", tTopicPolicy, is(resource.Props{"arn": "arn:aws:sns:us-east-1:000000000000:nobody", "policy": tells("arn:aws:sns:us-east-1:000000000000:nobody")}), "NotFound", "Topic does not exist"},
	{"policy on another service", snsActions, tTopicPolicy, topicPolicy("sns:Publish", "sqs:SendMessage"), "InvalidParameter", "Policy statement action out of service scope!"},
	{"policy of all that SNS does", snsActions, tTopicPolicy, topicPolicy("sns:Publish", "sns:*"), "InvalidParameter", "Policy statement action out of service scope!"},
	{"policy of what is done to no topic", snsActions, tTopicPolicy, topicPolicy("sns:Publish", "sns:CreateTopic"), "InvalidParameter", "Policy statement action out of service scope!"},
	{"policy on another topic", snsAPI + "SetTopicAttributes, InvalidParameter", tTopicPolicy, topicPolicy(`["TOPIC"]`, `["TOPIC2"]`), "InvalidParameter", "Policy statement must apply to a single resource!"},
	{"policy on two topics", snsAPI + "SetTopicAttributes, InvalidParameter", tTopicPolicy, topicPolicy(`["TOPIC"]`, `["TOPIC","TOPIC2"]`), "InvalidParameter", "Policy statement must apply to a single resource!"},
	{"policy of statements without ids", "Bayer-Group/cloudformation-template-generator issue 138", tTopicPolicy, topicPolicy(`]}`, `,{"Effect":"Allow","Action":"sns:Publish","Principal":{"Service":"budgets.amazonaws.com"},"Resource":"TOPIC"}]}`), "InvalidParameter", "Every policy statement must have a unique ID."},
	{"policy for nobody", iamGrammar + ": resource-based policies name a principal; serverless/serverless issue 5519, where SNS gives null for a reason", tTopicPolicy, topicPolicy(`"Principal":{"Service":"cloudwatch.amazonaws.com"},`, ""), "InvalidParameter", "Policy Error: Missing required field Principal"},
	{"subscription to no topic", snsAPI + "Subscribe, NotFound", tSubscribe, is(resource.Props{"topic": "arn:aws:sns:us-east-1:000000000000:nobody", "protocol": "email", "endpoint": "a@b.example"}), "NotFound", "Topic does not exist"},
	{"subscription of no address", snsAPI + "Subscribe, InvalidParameter", tSubscribe, func(_ *bed, r *region) resource.Props {
		return resource.Props{"topic": r.id("topic"), "protocol": "email", "endpoint": "ops"}
	}, "InvalidParameter", "Email address"},
	{"subscription by pigeon", snsAPI + "Subscribe, Protocol", tSubscribe, func(_ *bed, r *region) resource.Props {
		return resource.Props{"topic": r.id("topic"), "protocol": "pigeon", "endpoint": "a@b.example"}
	}, "Check", "expected protocol to be one of"},
	{"subscription from another region", snsAPI + "Subscribe, NotFound", tSubscribe, func(_ *bed, r *region) resource.Props {
		return resource.Props{"topic": r.id("topic"), "protocol": "email", "endpoint": "a@b.example", "region": "eu-west-1"}
	}, "NotFound", "Topic does not exist"},

	{"budget exists", budgetAPI + "CreateBudget, DuplicateRecordException", tBudget, func(b *bed, _ *region) resource.Props {
		b.must(tBudget, budgetInputs("other"))
		return budgetInputs("other")
	}, "DuplicateRecordException", "the budget already exists"},
	{"budget name", budgetAPI + "Budget, BudgetName: no colon or backslash", tBudget, budget("name", "a:b"), "Check", "must match"},
	{"budget of nothing", budgetAPI + "Budget, BudgetLimit", tBudget, budget("limitAmount", "0"), "InvalidParameterException", "must be greater than 0"},
	{"budget in another currency", budgetAPI + "Spend, Unit; awslabs/landing-zone-accelerator-on-aws issue 682", tBudget, budget("limitUnit", "EUR"), "InvalidParameterException", "EUR is not in the supported unit set: [USD]"},
	{"budget of another time", budgetAPI + "Budget, TimeUnit", tBudget, budget("timeUnit", "WEEKLY"), "Check", "expected timeUnit to be one of"},
	{"budget filter", budgetAPI + "Budget, CostFilters: valid keys", tBudget, budget("costFilters", resource.List(resource.Props{"name": "Tag", "values": resource.List("x")})), "InvalidParameterException", "Invalid cost filter key: Tag"},
	{"budget filter without its value", budgetAPI + "Budget, CostFilters: TagKeyValue", tBudget,
		budget("costFilters", resource.List(resource.Props{"name": "TagKeyValue", "values": resource.List("polygate-environment")})), "InvalidParameterException", "want user:<key>$<value>"},
	{"budget that tells nobody", budgetAPI + "NotificationWithSubscribers, Subscribers: minimum 1", tBudget,
		budget("notifications", resource.List(notification("ACTUAL", 80).With(resource.Props{"subscriberEmailAddresses": nil}))), "InvalidParameterException", "at least one subscriber"},
	{"budget that tells twice", budgetAPI + "CreateNotification, DuplicateRecordException", tBudget, budget("notifications", resource.List(notification("ACTUAL", 80), notification("ACTUAL", 80))), "DuplicateRecordException", "Duplicate notifications"},
	{"budget notification", budgetAPI + "Notification, NotificationType", tBudget, budget("notifications", resource.List(notification("GUESSED", 80))), "Check", "one of"},
}

var identityFacts = []fact{
	{"role exists", iamAPI + "CreateRole, EntityAlreadyExists", tRole, is(resource.Props{"name": "polygate-use1", "assumeRolePolicy": trust}), "EntityAlreadyExists", "Role with name polygate-use1 already exists."},
	{"role name too long", iamAPI + "CreateRole, RoleName", tRole, is(resource.Props{"name": strings.Repeat("r", 65), "assumeRolePolicy": trust}), "Check", "length of name"},
	{"session too long", iamAPI + "CreateRole, MaxSessionDuration", tRole, is(resource.Props{"name": "o", "assumeRolePolicy": trust, "maxSessionDuration": 43201.0}), "Check", "(3600 - 43200)"},
	{"boundary that is no policy", iamAPI + "CreateRole, PermissionsBoundary; IAM user guide, IAM identifiers", tRole,
		is(resource.Props{"name": "o", "assumeRolePolicy": trust, "permissionsBoundary": "arn:aws:iam::000000000000:role/boundary"}), "Check", "must match"},
	{"boundary of no account", iamAPI + "CreateRole, PermissionsBoundary; IAM user guide, IAM identifiers", tRole,
		is(resource.Props{"name": "o", "assumeRolePolicy": trust, "permissionsBoundary": "arn:aws:iam::0000:policy/boundary"}), "Check", "must match"},
	{"policy no JSON", iamAPI + "CreateRole, MalformedPolicyDocument", tRole, role("{"), "MalformedPolicyDocument", "invalid Json"},
	{"policy version", iamGrammar, tRole, role(strings.Replace(trust, "2012-10-17", "2026-01-01", 1)), "MalformedPolicyDocument", "version"},
	{"policy effect", iamGrammar, tRole, role(strings.Replace(trust, "Allow", "Permit", 1)), "MalformedPolicyDocument", "Invalid effect: Permit"},
	{"policy unknown field", iamGrammar, tRole, role(strings.Replace(trust, "Effect", "Efect", 1)), "MalformedPolicyDocument", "Syntax errors in policy"},
	{"trust with resource", iamGrammar, tRole, role(strings.Replace(trust, `"Effect"`, `"Resource":"*","Effect"`, 1)), "MalformedPolicyDocument", "Has prohibited field Resource"},
	{"trust without principal", iamGrammar, tRole, role(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`), "MalformedPolicyDocument", "Missing required field Principal"},
	{"trust of no service", iamGrammar, tRole, role(strings.Replace(trust, "lambda.amazonaws.com", "lambda", 1)), "MalformedPolicyDocument", "Invalid principal in policy"},
	{"permissions with principal", iamGrammar, tRolePolicy, permissions(strings.Replace(logs, `"Effect"`, `"Principal":"*","Effect"`, 1)), "MalformedPolicyDocument", "should not specify a principal"},
	{"permissions without resource", iamGrammar, tRolePolicy, permissions(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents"}]}`), "MalformedPolicyDocument", "must contain resources"},
	{"permissions on no ARN", iamGrammar, tRolePolicy, permissions(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"x"}]}`), "MalformedPolicyDocument", "must be in ARN format"},
	{"action without vendor", iamGrammar, tRolePolicy, permissions(strings.Replace(logs, "logs:PutLogEvents", "PutLogEvents", 1)), "MalformedPolicyDocument", "must be prefaced by a vendor"},
	{"policy of no role", iamAPI + "PutRolePolicy, NoSuchEntity", tRolePolicy, is(resource.Props{"name": "p", "role": "nobody", "policy": logs}), "NoSuchEntity", "The role with name nobody cannot be found."},
	{"retention", logsAPI + "PutRetentionPolicy, retentionInDays", tLogGroup, is(resource.Props{"name": "g", "retentionInDays": 10.0}), "Check", "expected retentionInDays to be one of"},
	{"log group exists", logsAPI + "CreateLogGroup, ResourceAlreadyExistsException", tLogGroup, is(resource.Props{"name": "/aws/lambda/polygate-use1"}), "ResourceAlreadyExistsException", "already exists"},
	{"log group name", logsAPI + "CreateLogGroup, logGroupName pattern", tLogGroup, is(resource.Props{"name": "a b"}), "Check", "must match"},
}

var frontFacts = []fact{
	{"protocol", gatewayAPI + "CreateApi, ProtocolType", tAPI, is(resource.Props{"name": "a", "protocolType": "GRPC"}), "Check", "one of"},
	{"integration of no API", gatewayAPI + "CreateIntegration, NotFoundException", tIntegration,
		is(resource.Props{"apiId": "nobody", "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0"}), "NotFoundException", "Invalid API identifier specified 000000000000:nobody"},
	{"integration uri", gatewayAPI + "CreateIntegration, IntegrationUri", tIntegration, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0", "integrationUri": "https://example.com"}
	}, "BadRequestException", "Invalid function ARN"},
	{"integration timeout", gatewayDev + "Quotas for HTTP APIs", tIntegration, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0", "timeoutMilliseconds": 30001.0}
	}, "Check", "(50 - 30000)"},
	{"integration type of REST", gatewayAPI + "CreateIntegration, IntegrationType", tIntegration, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "integrationType": "MOCK", "payloadFormatVersion": "2.0"}
	}, "BadRequestException", "HTTP API does not support MOCK"},
	{"route exists", gatewayAPI + "CreateRoute, ConflictException", tRoute, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "routeKey": "$default"}
	}, "ConflictException", "Route with key $default already exists for this API"},
	{"route key", gatewayDev + "Create routes for HTTP APIs", tRoute, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "routeKey": "get pets"}
	}, "BadRequestException", "not formatted properly"},
	{"route to nowhere", gatewayAPI + "CreateRoute, NotFoundException", tRoute, func(b *bed, r *region) resource.Props {
		api, _ := b.must(tAPI, resource.Props{"name": "b", "protocolType": "HTTP"})
		return resource.Props{"apiId": api, "routeKey": "$default", "target": "integrations/" + r.id("integration")} // of another API
	}, "NotFoundException", "Invalid Integration identifier"},
	{"stage exists", gatewayAPI + "CreateStage, ConflictException", tStage, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "name": "$default"}
	}, "ConflictException", "Stage already exists"},
	{"stage logs to nowhere", gatewayAPI + "CreateStage, AccessLogSettings", tStage, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "name": "v2", "accessLogSettings": resource.Props{"destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:nobody", "format": "x"}}
	}, "BadRequestException", "log group"},
	{"domain exists", gatewayAPI + "CreateDomainName, ConflictException", tDomain, func(_ *bed, r *region) resource.Props {
		return domainInputs(r.own, r.id("certificate"))
	}, "ConflictException", "already exists"},
	{"certificate of another region", gatewayDev + "Regional custom domain: certificate in the API's region", tDomain, func(_ *bed, r *region) resource.Props {
		return domainInputs(r.own, r.id("certificate")).With(resource.Props{"region": "eu-west-1"})
	}, "BadRequestException", "Certificate must be in 'eu-west-1'"},
	{"certificate not issued", gatewayDev + "Regional custom domain: certificate issued", tDomain, func(b *bed, _ *region) resource.Props {
		cert, _ := b.must(tCertificate, resource.Props{"domainName": "new.polygate.test", "validationMethod": "DNS"})
		return domainInputs("new.polygate.test", cert)
	}, "BadRequestException", "PENDING_VALIDATION"},
	{"certificate for other names", gatewayDev + "Regional custom domain: certificate covers the name", tDomain, func(_ *bed, r *region) resource.Props {
		return domainInputs("other.polygate.test", r.id("certificate"))
	}, "BadRequestException", "does not cover the domain name other.polygate.test"},
	{"old TLS", gatewayAPI + "DomainNameConfiguration, SecurityPolicy (HTTP APIs: TLS_1_2)", tDomain, func(_ *bed, r *region) resource.Props {
		in := domainInputs("x.polygate.test", r.id("certificate"))
		in["domainNameConfiguration"] = in.Object("domainNameConfiguration").With(resource.Props{"securityPolicy": "TLS_1_0"})
		return in
	}, "Check", `one of ["TLS_1_2"]`},
	{"second mapping", gatewayAPI + "CreateApiMapping, ConflictException", tMapping, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "domainName": shared, "stage": "$default"}
	}, "ConflictException", "ApiMapping key already exists"},
	{"mapping of no domain", gatewayAPI + "CreateApiMapping, NotFoundException", tMapping, func(_ *bed, r *region) resource.Props {
		return resource.Props{"apiId": r.id("api"), "domainName": "nobody.polygate.test", "stage": "$default"}
	}, "NotFoundException", "Invalid domain name identifier specified"},
	{"certificate first name", acmAPI + "RequestCertificate, DomainName (64 octets)", tCertificate, is(resource.Props{"domainName": strings.Repeat("a", 60) + ".polygate.test", "validationMethod": "DNS"}), "Check", "length of domainName"},
	{"certificate name", acmAPI + "RequestCertificate, DomainName pattern", tCertificate, is(resource.Props{"domainName": "no_underscore.polygate.test", "validationMethod": "DNS"}), "Check", "must match"},
	{"validation of no certificate", acmAPI + "DescribeCertificate, ResourceNotFoundException", tValidation, is(resource.Props{"certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x"}), "ResourceNotFoundException", "Could not find certificate"},
	{"validation never comes", bridge + " (75 minutes)", tValidation, func(b *bed, _ *region) resource.Props {
		cert, _ := b.must(tCertificate, resource.Props{"domainName": "new.polygate.test", "validationMethod": "DNS"})
		return resource.Props{"certificateArn": cert}
	}, "UnexpectedState", "timeout while waiting for state to become 'ISSUED'"},
}

var dnsFacts = []fact{
	{"check interval", route53API + "HealthCheckConfig, RequestInterval", tCheck, hc("requestInterval", 15.0), "Check", "expected requestInterval to be one of [10, 30], got 15"},
	{"check threshold low", route53API + "HealthCheckConfig, FailureThreshold", tCheck, hc("failureThreshold", 0.0), "Check", "(1 - 10), got 0"},
	{"check threshold high", route53API + "HealthCheckConfig, FailureThreshold", tCheck, hc("failureThreshold", 11.0), "Check", "(1 - 10), got 11"},
	{"check type", route53API + "HealthCheckConfig, Type", tCheck, hc("type", "PING"), "Check", "expected type to be one of"},
	{"check port", route53API + "HealthCheckConfig, Port", tCheck, hc("port", 65536.0), "Check", "(1 - 65535)"},
	{"check regions too few", route53API + "HealthCheckConfig, Regions: minimum 3", tCheck, hc("regions", resource.List("us-east-1", "eu-west-1")), "Check", "number of items in regions"},
	{"check region name", route53API + "HealthCheckConfig, Regions", tCheck, hc("regions", resource.List("us-east-1", "eu-west-1", "eu-central-1")), "Check", "eu-central-1"},
	{"check path", route53Dev + "Values for health checks, Path", tCheck, hc("resourcePath", "health"), "InvalidInput", "must begin with a forward slash"},
	{"check of nothing", route53API + "HealthCheckConfig, FullyQualifiedDomainName", tCheck, hc("fqdn", nil), "InvalidInput", "Either IPAddress or FullyQualifiedDomainName"},
	{"check of a private address", route53API + "HealthCheckConfig, IPAddress", tCheck, hc("ipAddress", "10.0.0.1"), "InvalidInput", "private"},
	{"check without search string", route53API + "HealthCheckConfig, SearchString", tCheck, hc("type", "HTTPS_STR_MATCH"), "InvalidInput", "SearchString must be specified"},

	{"duplicate PRIMARY", route53API + "ResourceRecordSet, Failover", tRecord, func(b *bed, r *region) resource.Props {
		b.must(tRecord, b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"healthCheckId": r.id("check")}))
		return b.failoverInputs(shared, "PRIMARY", "elsewhere.polygate.test").With(resource.Props{"setIdentifier": "second"})
	}, "InvalidChangeBatch", "and Failover PRIMARY cannot be created because a failover RRSet with the same name, type and failover value already exists"},
	{"failover beside simple", route53API + "ResourceRecordSet, Failover", tRecord, func(b *bed, r *region) resource.Props {
		b.must(tRecord, b.recordInputs(shared, "CNAME", r.own))
		return b.failoverInputs(shared, "PRIMARY", r.own)
	}, "InvalidChangeBatch", "non-failover RRSet"},
	{"simple beside failover", "hashicorp/terraform-provider-aws issues: cannot be created as other RRSets exist", tRecord, func(b *bed, r *region) resource.Props {
		b.must(tRecord, b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"healthCheckId": r.id("check")}))
		return b.recordInputs(shared, "CNAME", r.own)
	}, "InvalidChangeBatch", "cannot be created as other RRSets exist with the same name and type"},
	{"identifier taken", route53API + "ResourceRecordSet, SetIdentifier", tRecord, func(b *bed, r *region) resource.Props {
		b.must(tRecord, b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"healthCheckId": r.id("check")}))
		return b.failoverInputs(shared, "SECONDARY", r.own).With(resource.Props{"setIdentifier": "primary"})
	}, "InvalidChangeBatch", "set-identifier='primary'] but it already exists"},
	{"policy without identifier", route53API + "ResourceRecordSet, SetIdentifier", tRecord, func(b *bed, r *region) resource.Props {
		return b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"setIdentifier": nil})
	}, "Check", "all of `failoverRoutingPolicies,setIdentifier` must be specified"},
	{"identifier without policy", "hashicorp/terraform-provider-aws issue 1668", tRecord, func(b *bed, r *region) resource.Props {
		return b.recordInputs(shared, "CNAME", r.own).With(resource.Props{"setIdentifier": "a"})
	}, "InvalidInput", "but found none in Change with [Action=CREATE, Name=api.polygate.test., Type=CNAME, SetIdentifier=a]"},
	{"failover slot name", route53API + "ResourceRecordSet, Failover", tRecord, func(b *bed, r *region) resource.Props {
		return b.failoverInputs(shared, "TERTIARY", r.own)
	}, "Check", `one of ["PRIMARY", "SECONDARY"]`},
	{"record exists", "barnybug/cli53 issue 317", tRecord, func(b *bed, r *region) resource.Props { return b.recordInputs(r.own, "CNAME", "x.test") },
		"InvalidChangeBatch", "Tried to create resource record set [name='use1.aws.api.polygate.test.', type='CNAME'] but it already exists"},
	{"record exists under its short name", bridge + ": names are relative to the zone", tRecord, func(b *bed, r *region) resource.Props { return b.recordInputs("use1.aws.api", "CNAME", "x.test") },
		"InvalidChangeBatch", "but it already exists"},
	{"CNAME at the apex", route53Dev + "CNAME record type", tRecord, func(b *bed, r *region) resource.Props { return b.recordInputs(zone, "CNAME", r.own) },
		"InvalidChangeBatch", "is not permitted at apex in zone polygate.test."},
	{"CNAME beside A", "RFC 1034, 3.6.2; " + route53Dev + "CNAME record type", tRecord, func(b *bed, r *region) resource.Props {
		b.must(tRecord, b.recordInputs("a.polygate.test", "A", "192.0.2.1"))
		return b.recordInputs("a.polygate.test", "CNAME", r.own)
	}, "InvalidChangeBatch", "conflicts with other records with the same DNS name"},
	{"A beside CNAME", "RFC 1034, 3.6.2; " + route53Dev + "CNAME record type", tRecord, func(b *bed, r *region) resource.Props { return b.recordInputs(r.own, "A", "192.0.2.1") },
		"InvalidChangeBatch", "a conflicting RRSet of type CNAME with the same DNS name already exists"},
	{"NS of the apex", route53Dev + "NS and SOA records that Route 53 creates", tRecord, func(b *bed, _ *region) resource.Props { return b.recordInputs(zone, "NS", "ns.test") },
		"InvalidChangeBatch", "already exists"},
	{"outside the zone", route53API + "ChangeResourceRecordSets", tRecord, func(b *bed, _ *region) resource.Props { return b.recordInputs("xpolygate.test", "A", "192.0.2.1") },
		"InvalidChangeBatch", "RRSet with DNS name xpolygate.test. is not permitted in zone polygate.test."},
	{"no zone", route53API + "ChangeResourceRecordSets, NoSuchHostedZone", tRecord, func(b *bed, r *region) resource.Props {
		return b.recordInputs("a", "A", "192.0.2.1").With(resource.Props{"zoneId": "ZNOBODY"})
	}, "NoSuchHostedZone", "No hosted zone found with ID: ZNOBODY"},
	{"no TTL", route53API + "ResourceRecordSet, TTL", tRecord, func(b *bed, r *region) resource.Props {
		return b.recordInputs("a", "A", "192.0.2.1").With(resource.Props{"ttl": nil})
	}, "Check", "all of `records,ttl` must be specified"},
	{"TTL of an alias", route53API + "ResourceRecordSet, TTL", tRecord, func(b *bed, r *region) resource.Props {
		return b.aliasInputs(shared, "SECONDARY", r.own).With(resource.Props{"ttl": 60.0})
	}, "Check", "conflicts with aliases"},
	{"alias to nothing", route53Dev + "Choosing between alias and non-alias records", tRecord, func(b *bed, _ *region) resource.Props {
		return b.aliasInputs(shared, "SECONDARY", "failover-2.api.polygate.test")
	},
		"InvalidChangeBatch", "Tried to create an alias that targets failover-2.api.polygate.test., type CNAME in zone"},
	{"alias to another type", route53Dev + "Choosing between alias and non-alias records: same type", tRecord, func(b *bed, r *region) resource.Props {
		return b.aliasInputs(shared, "SECONDARY", r.own).With(resource.Props{"type": "A"})
	}, "InvalidChangeBatch", "the alias target name was not found"},
	{"alias out of the zone", route53API + "AliasTarget, HostedZoneId", tRecord, func(b *bed, _ *region) resource.Props { return b.aliasInputs(shared, "SECONDARY", "example.com") },
		"InvalidChangeBatch", "does not lie within the target zone"},
	{"no such health check", route53API + "ResourceRecordSet, HealthCheckId", tRecord, func(b *bed, r *region) resource.Props {
		return b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"healthCheckId": "nobody"})
	}, "InvalidChangeBatch", "nobody"},
	{"PRIMARY without health check", "kubernetes-sigs/external-dns issue 2362", tRecord, func(b *bed, r *region) resource.Props { return b.failoverInputs(shared, "PRIMARY", r.own) },
		"InvalidChangeBatch", "A non-alias primary ResourceRecordSet must have an associated health check."},
	{"A no address", route53Dev + "A record type", tRecord, func(b *bed, _ *region) resource.Props { return b.recordInputs("a", "A", "192.0.2") },
		"InvalidChangeBatch", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '192.0.2'"},
	{"TXT too long", "RFC 1035, 3.3; " + route53Dev + "TXT record type", tRecord, func(b *bed, _ *region) resource.Props { return b.recordInputs("a", "TXT", strings.Repeat("x", 256)) },
		"InvalidChangeBatch", "CharacterStringTooLong"},
	{"two CNAMEs", route53Dev + "CNAME record type", tRecord, func(b *bed, r *region) resource.Props { return b.recordInputs("a", "CNAME", r.own, shared) },
		"InvalidChangeBatch", "only one value"},
	{"unsupported type", "ours", "aws:dynamodb/table:Table", is(resource.Props{}), "LocalCloudUnsupported", "the local clouds do not have aws:dynamodb/table:Table; supported of aws: aws:acm/certificate:Certificate,"},
}

// TestFacts breaks one rule at a time in a region where everything else is fine.
func TestFacts(t *testing.T) {
	t.Parallel()
	for subject, facts := range map[string][]fact{"compute": computeFacts, "version": versionFacts, "operation": operationFacts, "identity": identityFacts, "front": frontFacts, "dns": dnsFacts, "storage": storageFacts, "trust": trustFacts} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			for _, f := range facts {
				t.Run(f.name, f.holds)
			}
		})
	}
}

// holds breaks the rule and looks at what comes of it.
func (f fact) holds(t *testing.T) {
	b := newBed(t)
	in := f.in(b, b.deploy("us-east-1", "use1"))
	before := len(b.store.View().All())
	_, _, err := b.try(f.token, in)
	resourcetest.Refused(t, err, f.code, f.words, f.source)
	if after := len(b.store.View().All()); after != before {
		t.Errorf("%d records were left behind by a refused create", after-before)
	}
}
