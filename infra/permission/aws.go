package permission

import (
	"slices"
	"strings"
)

// What actions are on. Names of what a stack makes begin with polygate-, except where AWS chooses them.
var (
	anyResource = []string{"*"} // the action takes no narrower one, or AWS chooses the name
	functions   = []string{"arn:aws:lambda:*:*:function:polygate-*"}
	roles       = []string{"arn:aws:iam::*:role/polygate-*"}
	topics      = []string{"arn:aws:sns:*:*:polygate-*"}
	alarms      = []string{"arn:aws:cloudwatch:*:*:alarm:polygate-*"}
	// HTTP APIs with all below them, custom domains with their mappings, and the tags of both: no REST APIs, keys, usage plans,
	// VPC links or settings of the account. AWS chooses the ids. Source: resource types of API Gateway Management V2, as for rest.
	apis         = []string{"arn:aws:apigateway:*::/apis", "arn:aws:apigateway:*::/apis/*", "arn:aws:apigateway:*::/tags/*"}
	domains      = []string{"arn:aws:apigateway:*::/domainnames", "arn:aws:apigateway:*::/domainnames/*", "arn:aws:apigateway:*::/tags/*"}
	certificates = []string{"arn:aws:acm:*:*:certificate/*"}
	logGroups    = []string{"arn:aws:logs:*:*:log-group:/aws/lambda/polygate-*", "arn:aws:logs:*:*:log-group:/aws/vendedlogs/polygate-*"}
	zones        = []string{"arn:aws:route53:::hostedzone/*"}
	checks       = []string{"arn:aws:route53:::healthcheck/*"}
	stores       = []string{"arn:aws:s3:::polygate-*"}
	stored       = []string{"arn:aws:s3:::polygate-*/*"}
	budgets      = []string{"arn:aws:budgets::*:budget/polygate-*"}
)

// rest are the methods of API Gateway's management API, whose permissions are called by them. Source: "Actions, resources,
// and condition keys for Amazon API Gateway Management V2", docs.aws.amazon.com/service-authorization/latest/reference.
var rest = []string{"apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource", "apigateway:UntagResource"}

// aws are the calls that Pulumi's provider makes to create, read, update and delete each type: those of the resources of
// terraform-provider-aws, internal/service, which it is made of. Names and resources of actions: "Service Authorization
// Reference", docs.aws.amazon.com/service-authorization/latest/reference.
var aws = map[string]Need{
	"aws:acm/certificate:Certificate": {Resources: certificates, Actions: []string{
		"acm:RequestCertificate", "acm:DescribeCertificate", "acm:DeleteCertificate", "acm:ListTagsForCertificate", "acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"}},
	"aws:acm/certificateValidation:CertificateValidation": {Resources: certificates, Actions: []string{"acm:DescribeCertificate"}},
	"aws:apigatewayv2/api:Api":                            {Resources: apis, Actions: rest},
	"aws:apigatewayv2/apiMapping:ApiMapping":              {Resources: domains, Actions: rest},
	// With mutual TLS, which has actions of its own, "an additional authorization control for managing the DomainName resource due to the sensitive
	// nature of mTLS" (same page).
	"aws:apigatewayv2/domainName:DomainName": {Resources: domains, Actions: append([]string{
		"apigateway:AddCertificateToDomain", "apigateway:RemoveCertificateFromDomain"}, rest...)},
	"aws:apigatewayv2/integration:Integration": {Resources: apis, Actions: rest},
	"aws:apigatewayv2/route:Route":             {Resources: apis, Actions: rest},
	"aws:apigatewayv2/stage:Stage":             {Resources: apis, Actions: rest},
	"aws:budgets/budget:Budget": {Resources: budgets, Dial: "budget", Actions: []string{
		"budgets:ViewBudget", "budgets:ModifyBudget", "budgets:ListTagsForResource", "budgets:TagResource", "budgets:UntagResource"}},
	"aws:cloudwatch/logGroup:LogGroup": {Resources: logGroups, Actions: []string{
		"logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
		"logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"}},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {Resources: alarms, Dial: "alarms", Actions: []string{
		"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:TagResource", "cloudwatch:UntagResource"}},
	"aws:iam/role:Role": {Resources: roles, Actions: []string{
		"iam:CreateRole", "iam:GetRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:DeleteRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies",
		"iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole"}},
	"aws:iam/rolePolicy:RolePolicy": {Resources: roles, Actions: []string{"iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"}},
	"aws:lambda/alias:Alias": {Resources: functions, Actions: []string{
		"lambda:CreateAlias", "lambda:GetAlias", "lambda:UpdateAlias", "lambda:DeleteAlias"}},
	"aws:lambda/function:Function": {Resources: functions, Actions: []string{
		"lambda:CreateFunction", "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:GetFunctionCodeSigningConfig", "lambda:UpdateFunctionCode",
		"lambda:UpdateFunctionConfiguration", "lambda:DeleteFunction", "lambda:PublishVersion", "lambda:ListVersionsByFunction", "lambda:PutFunctionConcurrency",
		"lambda:GetFunctionConcurrency", "lambda:DeleteFunctionConcurrency", "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"}},
	"aws:lambda/permission:Permission": {Resources: functions, Actions: []string{"lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"}},
	"aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": {Resources: functions, Dial: "warm", Actions: []string{
		"lambda:PutProvisionedConcurrencyConfig", "lambda:GetProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig"}},
	"aws:route53/healthCheck:HealthCheck": {Resources: checks, Actions: []string{
		"route53:CreateHealthCheck", "route53:GetHealthCheck", "route53:GetHealthCheckStatus", "route53:UpdateHealthCheck", "route53:DeleteHealthCheck", "route53:ListTagsForResource", "route53:ChangeTagsForResource"}},
	"aws:route53/record:Record": {Resources: zones, Actions: []string{
		"route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:GetHostedZone", "route53:ListTagsForResource"}},
	"aws:route53recoverycontrol/cluster:Cluster": {Resources: anyResource, Dial: "route53.routingControls", Actions: []string{
		"route53-recovery-control-config:CreateCluster", "route53-recovery-control-config:DescribeCluster", "route53-recovery-control-config:DeleteCluster",
		"route53-recovery-control-config:ListTagsForResource", "route53-recovery-control-config:TagResource", "route53-recovery-control-config:UntagResource"}},
	"aws:route53recoverycontrol/controlPanel:ControlPanel": {Resources: anyResource, Dial: "route53.routingControls", Actions: []string{
		"route53-recovery-control-config:CreateControlPanel", "route53-recovery-control-config:DescribeControlPanel", "route53-recovery-control-config:UpdateControlPanel",
		"route53-recovery-control-config:DeleteControlPanel"}},
	"aws:route53recoverycontrol/routingControl:RoutingControl": {Resources: anyResource, Dial: "route53.routingControls", Actions: []string{
		"route53-recovery-control-config:CreateRoutingControl", "route53-recovery-control-config:DescribeRoutingControl", "route53-recovery-control-config:UpdateRoutingControl",
		"route53-recovery-control-config:DeleteRoutingControl"}},
	"aws:route53recoverycontrol/safetyRule:SafetyRule": {Resources: anyResource, Dial: "route53.routingControls", Actions: []string{
		"route53-recovery-control-config:CreateSafetyRule", "route53-recovery-control-config:DescribeSafetyRule", "route53-recovery-control-config:UpdateSafetyRule",
		"route53-recovery-control-config:DeleteSafetyRule"}},
	// The provider reads much of a bucket that nobody here sets (internal/service/s3/bucket.go, resourceBucketRead). What empties it is among
	// the actions of its objects.
	"aws:s3/bucket:Bucket": {Resources: stores, Actions: []string{
		"s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketTagging", "s3:PutBucketTagging", "s3:GetBucketAcl",
		"s3:GetBucketCORS", "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketRequestPayment", "s3:GetBucketWebsite", "s3:GetAccelerateConfiguration",
		"s3:GetEncryptionConfiguration", "s3:GetReplicationConfiguration", "s3:GetLifecycleConfiguration", "s3:GetBucketPolicy", "s3:GetBucketVersioning"}},
	"aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {Resources: stores, Actions: []string{"s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"}},
	// API Gateway reads a trust store with the right of whoever names its version: "To update the truststore, you must have permissions to access
	// the S3 object" (API Gateway V2 API reference, MutualTlsAuthentication).
	"aws:s3/bucketObjectv2:BucketObjectv2": {Resources: stored, Actions: []string{
		"s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObject", "s3:DeleteObjectVersion"}},
	"aws:s3/bucketPolicy:BucketPolicy": {Resources: stores, Actions: []string{"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}},
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {Resources: stores, Actions: []string{
		"s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"}},
	"aws:s3/bucketVersioning:BucketVersioning": {Resources: stores, Actions: []string{"s3:GetBucketVersioning", "s3:PutBucketVersioning"}},
	"aws:sns/topic:Topic": {Resources: topics, Dial: "alarms", Actions: []string{
		"sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:DeleteTopic", "sns:ListTagsForResource", "sns:TagResource", "sns:UntagResource"}},
	"aws:sns/topicPolicy:TopicPolicy": {Resources: topics, Dial: "alarms", Actions: []string{"sns:GetTopicAttributes", "sns:SetTopicAttributes"}},
	"aws:sns/topicSubscription:TopicSubscription": {Resources: topics, Dial: "alarms", Actions: []string{
		"sns:Subscribe", "sns:Unsubscribe", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"}},
}

// unscoped are the actions that take no resource: a statement that names one does not allow them. Source: "Actions, resources,
// and condition keys" for ACM, Route 53 and SNS, where their column of resource types is empty: "If there is no value for this
// column, you must specify all resources", docs.aws.amazon.com/service-authorization/latest/reference.
var unscoped = []string{
	"acm:RequestCertificate", "route53:CreateHealthCheck", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
}

// listing are the actions that list, by which Pulumi reads what it knows by name: they are on all there is, whatever is asked
// for, as their refusals say. Sources: CloudWatch Logs evaluates DescribeLogGroups on log-group::log-stream:, a group without a
// name; CloudWatch evaluates DescribeAlarms on alarm:* (aws-samples/amazon-cloudwatch-auto-alarms issue #1).
var listing = map[string][]string{
	"cloudwatch:DescribeAlarms": {"arn:aws:cloudwatch:*:*:alarm:*"},
	"logs:DescribeLogGroups":    {"arn:aws:logs:*:*:log-group:*"},
}

// beside are calls that come with no resource type of their own.
var beside = []statement{
	// Lambda, API Gateway and others are handed the function's role.
	{Sid: "HandOver", Effect: "Allow", Action: []string{"iam:PassRole"}, Resource: roles,
		Condition: map[string]any{"StringEquals": map[string]string{"iam:PassedToService": "lambda.amazonaws.com"}}},
	// The first custom domain, and the first cluster, of an account make a role of the service's own. Source: "Using
	// service-linked roles for API Gateway", docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html.
	{Sid: "ServiceRoles", Effect: "Allow", Action: []string{"iam:CreateServiceLinkedRole"}, Resource: []string{"arn:aws:iam::*:role/aws-service-role/*"},
		Condition: map[string]any{"StringEquals": map[string][]string{"iam:AWSServiceName": {"ops.apigateway.amazonaws.com"}}}},
	// Access logs are delivered by CloudWatch Logs, which is told so. Source: "Permissions for access logging", docs.aws.amazon.com/
	// apigateway/latest/developerguide/http-api-logging.html.
	{Sid: "AccessLogs", Effect: "Allow", Resource: anyResource, Action: []string{
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
		"logs:PutResourcePolicy", "logs:DescribeResourcePolicies"}},
	// A function with secrets has AWS's extension for a layer, which is read as whoever configures the function; the account that
	// publishes it is another one in each region. Source: "Adding layers to functions" (lambda:GetLayerVersion on the layer
	// version), docs.aws.amazon.com/lambda/latest/dg/adding-layers.html.
	{Sid: "SecretsExtension", Effect: "Allow", Action: []string{"lambda:GetLayerVersion"}, Resource: []string{"arn:aws:lambda:*:*:layer:AWS-Parameters-and-Secrets-Lambda-Extension*"}},
	// The zone is looked up by its name, and a change of records is waited for. What `polygate doctor` asks stands here too.
	{Sid: "LookUp", Effect: "Allow", Resource: anyResource, Action: []string{
		"route53:ListHostedZones", "route53:ListHostedZonesByName", "route53:GetChange", "route53:GetAccountLimit",
		"sts:GetCallerIdentity", "account:ListRegions", "lambda:GetAccountSettings"}},
}

// statement is one of an IAM policy.
type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]any `json:",omitempty"`
}

// document is an IAM policy.
type document struct {
	Version   string
	Statement []statement
}

// version is that of the language of IAM policies.
const version = "2012-10-17"

// Policy is the IAM policy of the deployer, as JSON: a statement for each kind of resource. always leaves out what only a
// dial asks for.
func Policy(always bool) (string, error) { return text(document{version, statements(always)}) }

// StorePolicy is what the deployer has beside the Policy, which a single one has no room for: the stack's store. Who operates a stack and does
// not deploy has of it s3:ListBucket, s3:GetObject and s3:PutObject.
func StorePolicy() (string, error) {
	var out []statement
	for _, st := range statementsOf(false) {
		if st.Sid == sidStores {
			out = append(out, st)
		}
	}
	return text(document{version, out})
}

// statements are those of the deployer's policy.
func statements(always bool) []statement {
	return slices.DeleteFunc(statementsOf(always), func(st statement) bool { return st.Sid == sidStores })
}

// sidStores is the statement that has a policy of its own.
const sidStores = "Stores"

// statementsOf are those of all resources.
func statementsOf(always bool) []statement {
	bySid := map[string]*statement{}
	var order []string
	var lists []statement
	anywhere := statement{Sid: "Unscoped", Effect: "Allow", Resource: anyResource}
	for _, token := range Types(AWS) {
		n := aws[token]
		if always && n.Dial != "" {
			continue
		}
		service, _, _ := strings.Cut(n.Actions[0], ":")
		sid := sids[service]
		if service == "route53" && n.Resources[0] == checks[0] {
			sid = "HealthChecks"
		}
		st, ok := bySid[sid]
		if !ok {
			st = &statement{Sid: sid, Effect: "Allow"}
			bySid[sid] = st
			order = append(order, sid)
		}
		for _, r := range n.Resources {
			if !slices.Contains(st.Resource, r) {
				st.Resource = append(st.Resource, r)
			}
		}
		for _, a := range n.Actions {
			if slices.Contains(unscoped, a) {
				anywhere.Action = append(anywhere.Action, a)
				continue
			}
			if all, ok := listing[a]; ok {
				lists = append(lists, statement{Sid: "List" + sid, Effect: "Allow", Action: []string{a}, Resource: all})
				continue
			}
			st.Action = append(st.Action, a)
		}
	}
	var out []statement
	for _, sid := range order {
		st := bySid[sid]
		slices.Sort(st.Action)
		st.Action = slices.Compact(st.Action)
		out = append(out, *st)
	}
	return slices.Concat(out, []statement{anywhere}, lists, beside)
}

// sids name the statements by the prefix of their actions.
var sids = map[string]string{
	"acm": "Certificates", "apigateway": "Apis", "budgets": "Budgets", "cloudwatch": "Alarms", "iam": "Identities", "lambda": "Functions", "logs": "Logs",
	"route53": "Records", "route53-recovery-control-config": "RoutingControls", "s3": sidStores, "sns": "Notifications",
}
