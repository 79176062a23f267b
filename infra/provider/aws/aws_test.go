package aws_test

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/aws"
	"polygate.example/infra/settings"
)

// example loads the README's example.
func example(t *testing.T, dir string) settings.Settings {
	t.Helper()
	s, err := record.LoadExample(dir, "README.md", provider.Audit([]provider.Spec{aws.Provider{}.Spec()}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// declare runs the README's example.
func declare(t *testing.T) *record.Recorder {
	t.Helper()
	return declareWith(t, func(*settings.Settings) {})
}

// declareWith runs the README's example with some dials changed.
func declareWith(t *testing.T, change func(*settings.Settings)) *record.Recorder {
	t.Helper()
	dir := t.TempDir()
	s := example(t, dir)
	change(&s)
	rec, err := record.Region(aws.Provider{}, s, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestResources(t *testing.T) {
	tags := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "us-east-1"}
	digest, err := hex.DecodeString(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	rec := declare(t)
	for name, want := range map[string]map[string]any{
		"gw-use1-function": {
			"name": "polygate-dev-use1", "region": "us-east-1", "description": "polygate gateway of dev",
			"role": "arn:test:gw-use1-role", "packageType": "Zip", "runtime": "the-runtime", "handler": "bootstrap",
			"architectures": []any{"arm64"}, "code": "/dist/dev/it.zip", "memorySize": 256.0, "timeout": 20.0,
			"sourceCodeHash": base64.StdEncoding.EncodeToString(digest),
			"environment": map[string]any{"variables": map[string]any{
				"POLYGATE_REGION": "aws/us-east-1", "POLYGATE_RELEASE": "r1", "POLYGATE_ARTEFACT": "sha256:" + strings.Repeat("ab", 32),
				"POLYGATE_HOSTS": "api.example.com,use1.aws.api.example.com",
				"POLYGATE_SECRETS": `{"PARTNER_KEY":"arn:aws:secretsmanager:us-east-1:123456789012:secret:partner-key-a1B2c3",` +
					`"SIGNING_KEY":"arn:aws:ssm:us-east-1:123456789012:parameter/polygate/signing-key"}`,
			}},
			"reservedConcurrentExecutions": 50.0, "publish": true,
			"layers":        []any{"arn:aws:lambda:us-east-1:177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension-Arm64:99"},
			"loggingConfig": map[string]any{"logFormat": "JSON", "logGroup": "/aws/lambda/polygate-dev-use1"},
			"tags":          tags,
		},
		// An HTTP API with a regional custom domain and the default endpoint off. Source: "Disable the default endpoint
		// for HTTP APIs".
		"gw-use1-api": {
			"name": "polygate-dev-use1", "region": "us-east-1", "protocolType": "HTTP", "disableExecuteApiEndpoint": true, "tags": tags,
		},
		"gw-use1-own-domain": {
			"domainName": "use1.aws.api.example.com", "region": "us-east-1", "tags": tags,
			"domainNameConfiguration": map[string]any{
				"certificateArn": "arn:test:gw-use1-certificate", "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2",
			},
		},
		"gw-use1-permission": {
			"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-dev-use1", "qualifier": "live",
			"region": "us-east-1", "statementId": "api-gateway-live", "sourceArn": "arn:test:execute-api:gw-use1-api/*/$default",
		},
		"gw-use1-integration": {
			"apiId": "gw-use1-api-id", "region": "us-east-1", "integrationType": "AWS_PROXY", "integrationMethod": "POST",
			"integrationUri": "arn:test:invoke:gw-use1-alias", "payloadFormatVersion": "2.0", "timeoutMilliseconds": 30000.0,
		},
		"gw-use1-certificate": {
			"domainName": "use1.aws.api.example.com", "subjectAlternativeNames": []any{"api.example.com"},
			"validationMethod": "DNS", "region": "us-east-1", "tags": tags,
		},
		"gw-use1-certificate-issued": {
			"certificateArn": "arn:test:gw-use1-certificate", "region": "us-east-1",
			"validationRecordFqdns": []any{"_proof.use1.aws.api.example.com.", "_proof.api.example.com."},
		},
		"gw-use1-alias": {
			"name": "live", "region": "us-east-1", "description": "The version that serves", "functionName": "polygate-dev-use1", "functionVersion": "7",
		},
		"gw-use1-warm": {
			"functionName": "polygate-dev-use1", "qualifier": "live", "region": "us-east-1", "provisionedConcurrentExecutions": 2.0,
		},
		"gw-use1-alarms":       {"name": "polygate-dev-use1-alarms", "region": "us-east-1", "tags": tags},
		"gw-use1-alarms-email": {"topic": "arn:test:gw-use1-alarms", "protocol": "email", "endpoint": "ops@example.com", "region": "us-east-1"},
		"gw-use1-errors-alarm": {
			"name": "polygate-dev-use1-errors", "region": "us-east-1", "alarmDescription": "More than 2 % of the requests to aws/us-east-1 are answered with a server error",
			"alarmActions": []any{"arn:test:gw-use1-alarms"}, "okActions": []any{"arn:test:gw-use1-alarms"},
			"comparisonOperator": "GreaterThanThreshold", "threshold": 2.0, "evaluationPeriods": 1.0, "treatMissingData": "notBreaching", "tags": tags,
			"metricQueries": []any{
				map[string]any{"id": "errors", "metric": map[string]any{"namespace": "AWS/ApiGateway", "metricName": "5xx", "stat": "Sum", "period": 300.0,
					"dimensions": map[string]any{"ApiId": "gw-use1-api-id"}}},
				map[string]any{"id": "requests", "metric": map[string]any{"namespace": "AWS/ApiGateway", "metricName": "Count", "stat": "Sum", "period": 300.0,
					"dimensions": map[string]any{"ApiId": "gw-use1-api-id"}}},
				map[string]any{"id": "share", "expression": "IF(requests > 0, 100 * errors / requests, 0)", "label": "Server errors in per cent", "returnData": true},
			},
		},
		"gw-use1-latency-alarm": {
			"name": "polygate-dev-use1-latency", "region": "us-east-1", "alarmDescription": "One request in a hundred to aws/us-east-1 takes longer than 1500 ms",
			"alarmActions": []any{"arn:test:gw-use1-alarms"}, "okActions": []any{"arn:test:gw-use1-alarms"},
			"namespace": "AWS/ApiGateway", "metricName": "Latency", "dimensions": map[string]any{"ApiId": "gw-use1-api-id"}, "extendedStatistic": "p99", "period": 300.0,
			"comparisonOperator": "GreaterThanThreshold", "threshold": 1500.0, "evaluationPeriods": 1.0, "treatMissingData": "notBreaching", "tags": tags,
		},
		"gw-use1-throttles-alarm": {
			"name": "polygate-dev-use1-throttles", "region": "us-east-1", "alarmDescription": "Requests to aws/us-east-1 are refused: all 50 instances are busy",
			"alarmActions": []any{"arn:test:gw-use1-alarms"}, "okActions": []any{"arn:test:gw-use1-alarms"},
			"namespace": "AWS/Lambda", "metricName": "Throttles", "dimensions": map[string]any{"FunctionName": "polygate-dev-use1"}, "statistic": "Sum", "period": 300.0,
			"comparisonOperator": "GreaterThanThreshold", "threshold": 0.0, "evaluationPeriods": 1.0, "treatMissingData": "notBreaching", "tags": tags,
		},
		"gw-use1-crashes-alarm": {
			"name": "polygate-dev-use1-crashes", "region": "us-east-1",
			"alarmDescription": "The function in aws/us-east-1 fails: it ends, does not start or takes longer than its timeout",
			"alarmActions":     []any{"arn:test:gw-use1-alarms"}, "okActions": []any{"arn:test:gw-use1-alarms"},
			"namespace": "AWS/Lambda", "metricName": "Errors", "dimensions": map[string]any{"FunctionName": "polygate-dev-use1"}, "statistic": "Sum", "period": 300.0,
			"comparisonOperator": "GreaterThanThreshold", "threshold": 0.0, "evaluationPeriods": 1.0, "treatMissingData": "notBreaching", "tags": tags,
		},
		"gw-use1-certificate-alarm": {
			"name": "polygate-dev-use1-certificate", "region": "us-east-1",
			"alarmDescription": "The certificate of aws/us-east-1 ends in less than 30 days and was not renewed",
			"alarmActions":     []any{"arn:test:gw-use1-alarms"}, "okActions": []any{"arn:test:gw-use1-alarms"},
			"namespace": "AWS/CertificateManager", "metricName": "DaysToExpiry", "dimensions": map[string]any{"CertificateArn": "arn:test:gw-use1-certificate"},
			"statistic": "Minimum", "period": 86400.0, "comparisonOperator": "LessThanThreshold", "threshold": 30.0, "evaluationPeriods": 1.0,
			"treatMissingData": "ignore", "tags": tags,
		},
		"gw-budget": {
			"name": "polygate-dev-month", "budgetType": "COST", "timeUnit": "MONTHLY", "limitAmount": "200", "limitUnit": "USD",
			"costFilters": []any{map[string]any{"name": "TagKeyValue", "values": []any{"user:polygate-environment$dev"}}},
			"notifications": []any{
				map[string]any{"notificationType": "ACTUAL", "comparisonOperator": "GREATER_THAN", "thresholdType": "PERCENTAGE", "threshold": 80.0,
					"subscriberEmailAddresses": []any{"costs@example.com"}},
				map[string]any{"notificationType": "FORECASTED", "comparisonOperator": "GREATER_THAN", "thresholdType": "PERCENTAGE", "threshold": 100.0,
					"subscriberEmailAddresses": []any{"costs@example.com"}},
			},
			"tags": map[string]any{"managed-by": "pulumi", "polygate-environment": "dev"},
		},
		"gw-use1-logs": {"name": "/aws/lambda/polygate-dev-use1", "region": "us-east-1", "retentionInDays": 14.0, "tags": tags},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := rec.Find(name)
			if !ok {
				t.Fatal("not declared")
			}
			if diff := cmp.Diff(want, r.Inputs); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

// The role may write its own log and read its own secrets, and alarms may tell their topic; nothing else.
func TestPolicies(t *testing.T) {
	rec := declare(t)
	for name, statements := range map[string]string{
		"gw-use1-log-policy": `{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":["arn:test:gw-use1-logs:log-stream:*"]}`,
		"gw-use1-secret-policy": `{"Effect":"Allow","Action":["secretsmanager:GetSecretValue"],` +
			`"Resource":["arn:aws:secretsmanager:us-east-1:123456789012:secret:partner-key-a1B2c3"]},` +
			`{"Effect":"Allow","Action":["ssm:GetParameter"],"Resource":["arn:aws:ssm:us-east-1:123456789012:parameter/polygate/signing-key"]}`,
		"gw-use1-alarms-policy": `{"Effect":"Allow","Action":["sns:Publish"],"Principal":{"Service":"cloudwatch.amazonaws.com"},` +
			`"Resource":["arn:test:gw-use1-alarms"],"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := rec.Find(name)
			if !ok {
				t.Fatal("not declared")
			}
			if got, want := r.Inputs["policy"], `{"Version":"2012-10-17","Statement":[`+statements+`]}`; got != want {
				t.Errorf("policy is\n%v\nwant\n%s", got, want)
			}
		})
	}
}

// Requests must not fail while permission, version and warm instances change places: the front turns to what it may invoke
// already, and nothing of what it invokes depends on the dial.
func TestWarmIsBesideTheWayOfARequest(t *testing.T) {
	way := func(warm int) []record.Resource {
		t.Helper()
		rec := declareWith(t, func(s *settings.Settings) { s.Warm = warm })
		if n := len(rec.Of("aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig")); (n > 0) != (warm > 0) {
			t.Errorf("with warm %d there are %d provisioned concurrency configurations", warm, n)
		}
		return slices.DeleteFunc(rec.All(), func(r record.Resource) bool { return strings.HasSuffix(r.Name, "-warm") })
	}
	if diff := cmp.Diff(way(0), way(3), cmpopts.IgnoreUnexported(record.Resource{})); diff != "" {
		t.Errorf("the dial changes more than the warm instances (-0 +3):\n%s", diff)
	}
	r, _ := declare(t).Find("gw-use1-integration")
	if !slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::gw-use1-permission") }) {
		t.Errorf("the integration waits for %v: want the permission", r.DependsOn)
	}
}

// The two custom domains are the only way in.
func TestNoWayAround(t *testing.T) {
	rec := declare(t)
	apis := rec.Of("aws:apigatewayv2/api:Api")
	if len(apis) != 2 {
		t.Errorf("%d APIs, want one a region", len(apis))
	}
	for _, r := range apis {
		if r.Inputs["disableExecuteApiEndpoint"] != true {
			t.Errorf("%s answers at its default URL", r.Name)
		}
	}
	for _, r := range rec.All() {
		if strings.Contains(strings.ToLower(r.Type), "functionurl") {
			t.Errorf("%s is a way past the API", r.Name)
		}
	}
	for _, r := range rec.Of("aws:lambda/permission:Permission") {
		if r.Inputs["principal"] != "apigateway.amazonaws.com" || r.Inputs["qualifier"] != "live" {
			t.Errorf("%s lets %v invoke %v", r.Name, r.Inputs["principal"], r.Inputs["qualifier"])
		}
	}
}

// Alarms and budget are there when they are asked for, and the prices of neither are paid otherwise.
func TestOffByDefault(t *testing.T) {
	rec := declareWith(t, func(s *settings.Settings) { s.Alarms, s.Budget, s.Secrets, s.Warm = nil, nil, nil, 0 })
	for _, r := range rec.All() {
		if strings.HasPrefix(r.Type, "aws:sns") || strings.HasPrefix(r.Type, "aws:budgets") || strings.Contains(r.Type, "metricAlarm") ||
			strings.HasSuffix(r.Name, "-secret-policy") || strings.HasSuffix(r.Name, "-warm") {
			t.Errorf("%s %s is declared", r.Type, r.Name)
		}
	}
	fn, _ := rec.Find("gw-use1-function")
	if fn.Inputs["layers"] != nil || fn.Inputs["environment"].(map[string]any)["variables"].(map[string]any)["POLYGATE_SECRETS"] != nil {
		t.Errorf("the function has layers %v and environment %v", fn.Inputs["layers"], fn.Inputs["environment"])
	}
}

func TestAuditOfDials(t *testing.T) {
	const secret, parameter = "arn:aws:secretsmanager:REGION:123456789012:secret:k-a1B2c3", "arn:aws:ssm:REGION:123456789012:parameter/k"
	in := func(arn, region string) string { return strings.Replace(arn, "REGION", region, 1) }
	many := map[string]map[string]string{}
	for i := range 40 {
		many["VARIABLE_"+strings.Repeat("X", i)] = map[string]string{"aws": in(secret, "{region}")}
	}
	for _, c := range []struct {
		name    string
		change  func(*settings.Settings)
		problem string // part of it; "" for none
	}{
		{"as it is", func(*settings.Settings) {}, ""},
		{"all warm", func(s *settings.Settings) { s.Warm = s.Concurrency }, ""},
		{"secret of the one region", func(s *settings.Settings) { s.Regions, s.Secrets = s.Regions[:1], one(in(secret, "us-east-1")) }, ""},
		{"parameter of the one region", func(s *settings.Settings) { s.Regions, s.Secrets = s.Regions[:1], one(in(parameter, "us-east-1")) }, ""},
		{"secret of another region", func(s *settings.Settings) { s.Regions, s.Secrets = s.Regions[:1], one(in(secret, "eu-west-1")) }, "polygate:secrets.KEY.aws: is in eu-west-1, where the stack has no region"},
		{"secret of one region of two", func(s *settings.Settings) { s.Secrets = one(in(secret, "us-east-1")) }, "polygate:secrets.KEY.aws: is in us-east-1 alone"},
		{"secret without its suffix", func(s *settings.Settings) { s.Secrets = one(strings.TrimSuffix(in(secret, "{region}"), "-a1B2c3")) }, "polygate:secrets.KEY.aws: is no ARN of a secret"},
		{"value in place of a reference", func(s *settings.Settings) { s.Secrets = one("hunter2hunter2hunter2") }, "polygate:secrets.KEY.aws: is no ARN of a secret"},
		{"ARN of something else", func(s *settings.Settings) { s.Secrets = one("arn:aws:s3:::bucket/key") }, "polygate:secrets.KEY.aws: is no ARN of a secret"},
		{"more than an environment holds", func(s *settings.Settings) { s.Secrets = many }, "polygate:secrets: needs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := example(t, t.TempDir())
			c.change(&s)
			got := aws.Provider{}.Spec().Check(s, nil)
			if c.problem == "" {
				if len(got) > 0 {
					t.Errorf("problems: %v", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0].String(), c.problem) {
				t.Fatalf("problems %v, want %q", got, c.problem)
			}
			if strings.Contains(got[0].String(), "hunter2") {
				t.Error("the message shows the value")
			}
		})
	}
}

func one(arn string) map[string]map[string]string {
	return map[string]map[string]string{"KEY": {"aws": arn}}
}

// Every region has the extension that reads secrets, for both architectures.
func TestEveryRegionHasTheExtension(t *testing.T) {
	for _, name := range (aws.Provider{}).Spec().RegionNames() {
		rec := declareWith(t, func(s *settings.Settings) { s.Regions = []settings.Region{{Provider: "aws", Name: name}} })
		if fns := rec.Of("aws:lambda/function:Function"); len(fns) != 1 || !strings.HasPrefix(fns[0].Inputs["layers"].([]any)[0].(string), "arn:aws:lambda:"+name+":") {
			t.Errorf("%s has no layer of its own", name)
		}
	}
}

// What a function writes before it may is lost.
func TestFunctionWaitsForItsLog(t *testing.T) {
	fn, ok := declare(t).Find("gw-use1-function")
	if !ok || !slices.ContainsFunc(fn.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::gw-use1-log-policy") }) {
		t.Errorf("the function waits for %v: want the policy of its log", fn.DependsOn)
	}
}

// ACM asks for the same record of the shared name in every region: two regions, one record.
func TestValidationRecords(t *testing.T) {
	var got []string
	for _, r := range declare(t).Of("test:index:Record") {
		got = append(got, r.Name+" "+r.Inputs["name"].(string)+" "+r.Inputs["type"].(string)+" "+r.Inputs["value"].(string))
	}
	want := []string{
		"gw-euw1-validation _proof.euw1.aws.api.example.com. CNAME _answer.acm.test.",
		"gw-use1-validation _proof.use1.aws.api.example.com. CNAME _answer.acm.test.",
		"gw-validation _proof.api.example.com. CNAME _answer.acm.test.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
