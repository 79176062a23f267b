package aws

import "fmt"

// extension is where a region has the AWS Parameters and Secrets Lambda Extension: the account that publishes it there, and
// the version for each architecture.
type extension struct {
	account    string
	x86, arm64 int
}

// extensions are those of 2026-07-28, in the same state everywhere. Source: "Use AWS Secrets Manager secrets in AWS Lambda
// functions", docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html. A fixed version is what was
// tested; the newest has its ARN in the public parameter /aws/service/aws-parameters-and-secrets-lambda-extension/arm64/latest.
var extensions = map[string]extension{
	"af-south-1":     {"317013901791", 100, 97},
	"ap-east-1":      {"768336418462", 97, 94},
	"ap-northeast-1": {"133490724326", 100, 100},
	"ap-northeast-2": {"738900069198", 99, 96},
	"ap-northeast-3": {"576959938190", 94, 91},
	"ap-south-1":     {"176022468876", 95, 95},
	"ap-south-2":     {"070087711984", 91, 83},
	"ap-southeast-1": {"044395824272", 101, 101},
	"ap-southeast-2": {"665172237481", 105, 105},
	"ap-southeast-3": {"490737872127", 94, 91},
	"ap-southeast-4": {"090732460067", 84, 83},
	"ca-central-1":   {"200266452380", 107, 104},
	"ca-west-1":      {"243964427225", 71, 70},
	"eu-central-1":   {"187925254637", 101, 101},
	"eu-central-2":   {"772501565639", 78, 70},
	"eu-north-1":     {"427196147048", 95, 92},
	"eu-south-1":     {"325218067255", 95, 92},
	"eu-south-2":     {"524103009944", 90, 82},
	"eu-west-1":      {"015030872274", 101, 101},
	"eu-west-2":      {"133256977650", 99, 99},
	"eu-west-3":      {"780235371811", 98, 95},
	"il-central-1":   {"148806536434", 71, 70},
	"me-central-1":   {"858974508948", 60, 49},
	"me-south-1":     {"832021897121", 58, 55},
	"sa-east-1":      {"933737806257", 103, 100},
	"us-east-1":      {"177933569100", 99, 99},
	"us-east-2":      {"590474943231", 109, 109},
	"us-west-1":      {"997803712105", 96, 93},
	"us-west-2":      {"345057560386", 99, 99},
}

// secretsExtension is the ARN of the layer that serves secrets to a function on localhost:2773, without a cloud SDK in it.
// architecture is Lambda's name for it.
func secretsExtension(region, architecture string) (string, error) {
	e, ok := extensions[region]
	if !ok {
		return "", fmt.Errorf("the extension that reads secrets is not known in %s", region)
	}
	name, version := "AWS-Parameters-and-Secrets-Lambda-Extension", e.x86
	if architecture == "arm64" {
		name, version = name+"-Arm64", e.arm64
	}
	return fmt.Sprintf("arn:aws:lambda:%s:%s:layer:%s:%d", region, e.account, name, version), nil
}
