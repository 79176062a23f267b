package aws_test

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/aws"
)

// declare runs the README's example.
func declare(t *testing.T) *record.Recorder {
	t.Helper()
	dir := t.TempDir()
	s, err := record.LoadExample(dir, "README.md", provider.Audit([]provider.Spec{aws.Provider{}.Spec()}))
	if err != nil {
		t.Fatal(err)
	}
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
			}},
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
			"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "function": "polygate-dev-use1",
			"region": "us-east-1", "statementId": "api-gateway", "sourceArn": "arn:test:execute-api:gw-use1-api/*/$default",
		},
		"gw-use1-integration": {
			"apiId": "gw-use1-api-id", "region": "us-east-1", "integrationType": "AWS_PROXY", "integrationMethod": "POST",
			"integrationUri": "arn:test:invoke:gw-use1-function", "payloadFormatVersion": "2.0", "timeoutMilliseconds": 30000.0,
		},
		"gw-use1-certificate": {
			"domainName": "use1.aws.api.example.com", "subjectAlternativeNames": []any{"api.example.com"},
			"validationMethod": "DNS", "region": "us-east-1", "tags": tags,
		},
		"gw-use1-certificate-issued": {
			"certificateArn": "arn:test:gw-use1-certificate", "region": "us-east-1",
			"validationRecordFqdns": []any{"_proof.use1.aws.api.example.com.", "_proof.api.example.com."},
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

// The role may write its own log and nothing else.
func TestPolicy(t *testing.T) {
	r, ok := declare(t).Find("gw-use1-log-policy")
	if !ok {
		t.Fatal("not declared")
	}
	want := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],` +
		`"Resource":"arn:test:gw-use1-logs:log-stream:*"}]}`
	if got := r.Inputs["policy"]; got != want {
		t.Errorf("policy is\n%v\nwant\n%s", got, want)
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
