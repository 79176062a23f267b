package aws_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

const (
	zone   = "polygate.test"
	shared = "api.polygate.test"
	trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`
	logs   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:us-east-1:000000000000:log-group:x:*"}}`
)

// bed is a local AWS to try things on.
type bed struct {
	t        *testing.T
	dir      string
	store    *resource.Store
	services resource.Services
	c        *resource.Controller
	zip      string
	zoneID   string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Open(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, dir: dir, services: resource.Services{Addresses: &resourcetest.Addresses{Port: 8443}, DNS: aws.DNS{}, CA: ca, Clock: clock.New(1e6)}}
	b.open()
	b.zip = b.zipOf("bootstrap")
	return b
}

// open opens the store, as a start does.
func (b *bed) open() {
	b.t.Helper()
	store, err := resource.Open(filepath.Join(b.dir, "store"))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := aws.SeedZone(store, zone); err != nil {
		b.t.Fatal(err)
	}
	c, err := resource.NewController(aws.Cloud(), store, b.services)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store, b.c = store, c
	out, _, err := c.Invoke(b.t.Context(), "aws:route53/getZone:getZone", resource.Props{"name": zone}, nil, false)
	if err != nil {
		b.t.Fatal(err)
	}
	b.zoneID = out.Str("zoneId")
}

// zipOf writes a zip with the named files.
func (b *bed) zipOf(names ...string) string {
	b.t.Helper()
	files := map[string]string{}
	for _, n := range names {
		files[n] = "content of " + n
	}
	return resourcetest.Zip(b.t, files)
}

func (b *bed) file(name string, content []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, strings.ReplaceAll(name, "/", "-"))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// code is an archive property of a file.
func (b *bed) code(path string) resource.Blob {
	b.t.Helper()
	a, err := archive.FromPath(path)
	if err != nil {
		// What is no zip cannot be hashed as one; the engine would have refused it, another client might not.
		a = &archive.Archive{Sig: archive.ArchiveSig, Path: path, Hash: "unreadable"}
	}
	return resource.Blob{Archive: true, Source: a.Serialize(), Hash: a.Hash}
}

func (b *bed) cloud() resourcetest.Cloud {
	return resourcetest.Cloud{T: b.t, Controller: b.c, Config: resource.Props{"region": "us-east-1"}}
}

// try checks and creates, as the engine does. Failures of the check come back as one error.
func (b *bed) try(token string, in resource.Props) (string, resource.Props, error) {
	return b.cloud().Create(token, in)
}

// must is try for what has to work.
func (b *bed) must(token string, in resource.Props) (string, resource.Props) {
	b.t.Helper()
	return b.cloud().Must(token, in)
}

func (b *bed) delete(token, id string, out resource.Props) error {
	return b.cloud().Delete(token, id, out)
}

const (
	tRole        = "aws:iam/role:Role"
	tRolePolicy  = "aws:iam/rolePolicy:RolePolicy"
	tLogGroup    = "aws:cloudwatch/logGroup:LogGroup"
	tFunction    = "aws:lambda/function:Function"
	tAlias       = "aws:lambda/alias:Alias"
	tWarm        = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	tPermission  = "aws:lambda/permission:Permission"
	tAlarm       = "aws:cloudwatch/metricAlarm:MetricAlarm"
	tTopic       = "aws:sns/topic:Topic"
	tTopicPolicy = "aws:sns/topicPolicy:TopicPolicy"
	tSubscribe   = "aws:sns/topicSubscription:TopicSubscription"
	tBudget      = "aws:budgets/budget:Budget"
	tAPI         = "aws:apigatewayv2/api:Api"
	tIntegration = "aws:apigatewayv2/integration:Integration"
	tRoute       = "aws:apigatewayv2/route:Route"
	tStage       = "aws:apigatewayv2/stage:Stage"
	tDomain      = "aws:apigatewayv2/domainName:DomainName"
	tMapping     = "aws:apigatewayv2/apiMapping:ApiMapping"
	tCertificate = "aws:acm/certificate:Certificate"
	tValidation  = "aws:acm/certificateValidation:CertificateValidation"
	tCheck       = "aws:route53/healthCheck:HealthCheck"
	tRecord      = "aws:route53/record:Record"
)

// made is one resource of a stack.
type made struct {
	token, id string
	out       resource.Props
}

// region is what a stack has in one region.
type region struct {
	own  string
	made map[string]made // by a short name
	all  []made          // in order of creation
}

func (r *region) id(name string) string          { return r.made[name].id }
func (r *region) out(name string) resource.Props { return r.made[name].out }

// functionInputs are those of a function that is fine.
func (b *bed) functionInputs(name, region, roleARN string) resource.Props {
	return resource.Props{
		"name": name, "region": region, "role": roleARN, "runtime": "provided.al2023", "handler": "bootstrap",
		"architectures": resource.List("arm64"), "memorySize": 256.0, "timeout": 10.0, "code": b.code(b.zip),
		"reservedConcurrentExecutions": 100.0, "publish": true, "layers": resource.List(layer(region, "-Arm64")),
		"environment":   resource.Props{"variables": resource.Props{"POLYGATE_REGION": "aws/" + region}},
		"loggingConfig": resource.Props{"logFormat": "JSON", "logGroup": "/aws/lambda/" + name},
	}
}

// layer is the extension that reads secrets.
func layer(region, architecture string) string {
	return "arn:aws:lambda:" + region + ":177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension" + architecture + ":99"
}

// alarmInputs are those of an alarm on one metric that is fine.
func alarmInputs(topic string) resource.Props {
	return resource.Props{
		"name": "polygate-other", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1.0, "threshold": 3000.0,
		"namespace": "AWS/ApiGateway", "metricName": "Latency", "dimensions": resource.Props{"ApiId": "a"}, "extendedStatistic": "p99", "period": 300.0,
		"treatMissingData": "notBreaching", "alarmActions": resource.List(topic), "okActions": resource.List(topic),
	}
}

// mathInputs are those of an alarm on metric math that is fine.
func mathInputs(topic string) resource.Props {
	sum := func(id, metric string) resource.Props {
		return resource.Props{"id": id, "metric": resource.Props{"namespace": "AWS/ApiGateway", "metricName": metric, "stat": "Sum", "period": 300.0,
			"dimensions": resource.Props{"ApiId": "a"}}}
	}
	return resource.Props{
		"name": "polygate-share", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1.0, "threshold": 1.0,
		"alarmActions": resource.List(topic), "metricQueries": resource.List(sum("errors", "5xx"), sum("requests", "Count"),
			resource.Props{"id": "share", "expression": "IF(requests > 0, 100 * errors / requests, 0)", "returnData": true}),
	}
}

// budgetInputs are those of a budget that is fine.
func budgetInputs(name string) resource.Props {
	return resource.Props{
		"name": name, "budgetType": "COST", "timeUnit": "MONTHLY", "limitAmount": "200", "limitUnit": "USD",
		"costFilters":   resource.List(resource.Props{"name": "TagKeyValue", "values": resource.List("user:polygate-environment$dev")}),
		"notifications": resource.List(notification("ACTUAL", 80), notification("FORECASTED", 100)),
	}
}

func notification(kind string, percent float64) resource.Props {
	return resource.Props{"notificationType": kind, "comparisonOperator": "GREATER_THAN", "threshold": percent, "thresholdType": "PERCENTAGE",
		"subscriberEmailAddresses": resource.List("ops@example.com")}
}

// tells is the policy of a topic that alarms may tell.
func tells(topic string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sns:Publish"],"Principal":{"Service":"cloudwatch.amazonaws.com"},` +
		`"Resource":["` + topic + `"],"Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"}}}]}`
}

func (b *bed) recordInputs(name, kind string, values ...string) resource.Props {
	return resource.Props{"zoneId": b.zoneID, "name": name, "type": kind, "ttl": 60.0, "records": resource.List(values...)}
}

func (b *bed) failoverInputs(name, slot string, values ...string) resource.Props {
	return b.recordInputs(name, "CNAME", values...).With(resource.Props{
		"setIdentifier": strings.ToLower(slot), "failoverRoutingPolicies": resource.List(resource.Props{"type": slot})})
}

func (b *bed) aliasInputs(name, slot, target string) resource.Props {
	in := b.failoverInputs(name, slot)
	delete(in, "ttl")
	delete(in, "records")
	return in.With(resource.Props{"aliases": resource.List(resource.Props{"name": target, "zoneId": b.zoneID, "evaluateTargetHealth": true})})
}

// deploy makes what the program makes in one region.
func (b *bed) deploy(aregion, label string) *region {
	b.t.Helper()
	r := &region{own: label + ".aws." + shared, made: map[string]made{}}
	add := func(short, token string, in resource.Props) resource.Props {
		b.t.Helper()
		id, out := b.must(token, in)
		r.made[short] = made{token, id, out}
		r.all = append(r.all, r.made[short])
		return out
	}
	name := "polygate-" + label
	in := func(p resource.Props) resource.Props { return p.With(resource.Props{"region": aregion}) }
	role := add("role", tRole, resource.Props{"name": name, "assumeRolePolicy": trust})
	group := add("logs", tLogGroup, in(resource.Props{"name": "/aws/lambda/" + name, "retentionInDays": 14.0}))
	add("policy", tRolePolicy, resource.Props{"name": "write-own-log", "role": name, "policy": logs})
	fn := add("function", tFunction, b.functionInputs(name, aregion, role.Str("arn")))
	alias := add("alias", tAlias, in(resource.Props{"name": "live", "functionName": name, "functionVersion": fn.Str("version")}))
	add("warm", tWarm, in(resource.Props{"functionName": name, "qualifier": "live", "provisionedConcurrentExecutions": 2.0}))
	api := add("api", tAPI, in(resource.Props{"name": name, "protocolType": "HTTP", "disableExecuteApiEndpoint": true}))
	add("permission", tPermission, in(resource.Props{"statementId": "api-gateway", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com",
		"function": name, "qualifier": "live", "sourceArn": api.Str("executionArn") + "/*/$default"}))
	add("integration", tIntegration, in(resource.Props{"apiId": r.id("api"), "integrationType": "AWS_PROXY", "integrationUri": alias.Str("invokeArn"), "payloadFormatVersion": "2.0"}))
	add("route", tRoute, in(resource.Props{"apiId": r.id("api"), "routeKey": "$default", "target": "integrations/" + r.id("integration")}))
	add("stage", tStage, in(resource.Props{"apiId": r.id("api"), "name": "$default", "autoDeploy": true,
		"accessLogSettings": resource.Props{"destinationArn": group.Str("arn"), "format": "$context.requestId"}}))
	cert := add("certificate", tCertificate, in(resource.Props{"domainName": r.own, "subjectAlternativeNames": resource.List(shared), "validationMethod": "DNS"}))
	for i, o := range cert.Objects("domainValidationOptions") {
		validation := b.recordInputs(o.Str("resourceRecordName"), "CNAME", o.Str("resourceRecordValue"))
		if len(b.store.View().Where(tRecord, "fqdn", strings.TrimSuffix(o.Str("resourceRecordName"), "."))) == 0 {
			add(fmt.Sprintf("proof%d", i), tRecord, validation)
		}
	}
	add("validation", tValidation, in(resource.Props{"certificateArn": r.id("certificate")}))
	for _, host := range []string{r.own, shared} {
		short := "own"
		if host == shared {
			short = "shared"
		}
		add("domain-"+short, tDomain, in(domainInputs(host, r.id("certificate"))))
		add("mapping-"+short, tMapping, in(resource.Props{"apiId": r.id("api"), "domainName": host, "stage": "$default"}))
	}
	target := r.out("domain-own").Object("domainNameConfiguration").Str("targetDomainName")
	add("record", tRecord, b.recordInputs(r.own, "CNAME", target))
	add("check", tCheck, checkInputs(r.own))
	topic := add("topic", tTopic, in(resource.Props{"name": name + "-alarms"})).Str("arn")
	add("topic-policy", tTopicPolicy, in(resource.Props{"arn": topic, "policy": tells(topic)}))
	add("subscription", tSubscribe, in(resource.Props{"topic": topic, "protocol": "email", "endpoint": "ops@example.com"}))
	add("alarm", tAlarm, in(alarmInputs(topic)))
	add("share", tAlarm, in(mathInputs(topic)))
	return r
}

func domainInputs(host, certARN string) resource.Props {
	return resource.Props{"domainName": host, "domainNameConfiguration": resource.Props{"certificateArn": certARN, "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2"}}
}

func checkInputs(fqdn string) resource.Props {
	return resource.Props{"type": "HTTPS", "fqdn": fqdn, "port": 443.0, "resourcePath": "/health", "requestInterval": 10.0, "failureThreshold": 2.0, "enableSni": true}
}
