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
	tokenTopic        = "aws:sns/topic:Topic"
	tokenTopicPolicy  = "aws:sns/topicPolicy:TopicPolicy"
	tokenSubscription = "aws:sns/topicSubscription:TopicSubscription"

	labelTopic        = "SNS Topic"
	labelTopicPolicy  = "SNS Topic Policy"
	labelSubscription = "SNS Topic Subscription"

	serviceCloudWatch = "cloudwatch.amazonaws.com"
)

// snsKey is the key that SNS itself has in an account.
const snsKey = "alias/aws/sns"

// topicType is aws:sns/topic:Topic. Source: SNS API reference, CreateTopic: up to 256 letters, digits, - and _.
func topicType() *resource.Type {
	return &resource.Type{
		Token: tokenTopic, Label: labelTopic,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^[a-zA-Z0-9-_]{1,256}(\.fifo)?$`)},
			{Name: "displayName", Kind: resource.String, Max: resource.At(100)},
			text("kmsMasterKeyId"),
			{Name: "signatureVersion", Kind: resource.Int, OneOf: []any{1.0, 2.0}},
			{Name: "tracingConfig", Kind: resource.String, OneOf: oneOf("PassThrough")},
			{Name: "fifoTopic", Kind: resource.Bool, Immutable: true, Default: false, OneOf: []any{false}},
			fixed(regionProperty()), tagsProperty(),
		},
		Unmodelled: []string{
			"applicationFailureFeedbackRoleArn", "applicationSuccessFeedbackRoleArn", "applicationSuccessFeedbackSampleRate", "archivePolicy",
			"contentBasedDeduplication", "deliveryPolicy", "fifoThroughputScope", "firehoseFailureFeedbackRoleArn", "firehoseSuccessFeedbackRoleArn",
			"firehoseSuccessFeedbackSampleRate", "httpFailureFeedbackRoleArn", "httpSuccessFeedbackRoleArn", "httpSuccessFeedbackSampleRate",
			"lambdaFailureFeedbackRoleArn", "lambdaSuccessFeedbackRoleArn", "lambdaSuccessFeedbackSampleRate", "namePrefix", "policy",
			"sqsFailureFeedbackRoleArn", "sqsSuccessFeedbackRoleArn", "sqsSuccessFeedbackSampleRate",
		},
		Computed: []string{"arn", "beginningArchiveTime", "owner", "tagsAll"},
		Volatile: []string{"tagsAll"},
		AutoName: &resource.AutoName{Property: "name", Max: 256},
		Unique:   []string{"name", "region"},
		// "If the requester already owns a topic with the specified name, that topic's ARN is returned without creating a new topic."
		Conflict: func(resource.Props) error { return nil },
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := arn("sns", in.Str("region"), in.Str("name"))
			return id, resource.Props{"arn": id, "owner": Account, "beginningArchiveTime": "", "tagsAll": tagsAll(in)}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		// "Deletes a topic and all its subscriptions."
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			return removeAll(env, slices.Concat(env.View().Where(tokenSubscription, "topic", old.ID), env.View().Where(tokenTopicPolicy, "arn", old.ID)))
		},
	}
}

// topicActions are what the policy of a topic can admit; wildcards are none of them. Source: SNS developer guide, "Amazon SNS API
// permissions: Actions and resources reference", valid policy actions, and the policy that topics were born with, which has Receive.
var topicActions = []string{
	"addpermission", "deletetopic", "getdataprotectionpolicy", "gettopicattributes", "listsubscriptionsbytopic", "listtagsforresource", "publish",
	"putdataprotectionpolicy", "receive", "removepermission", "settopicattributes", "subscribe",
}

// topicPolicyType is aws:sns/topicPolicy:TopicPolicy. Source: SNS API reference, SetTopicAttributes, Policy. The words are on
// public record: hashicorp/terraform issue 12740 (actions), Bayer-Group/cloudformation-template-generator issue 138 (ids). Of a
// policy that is malformed SNS says no more than "Policy Error: null" (serverless/serverless issue 5519); the reason is ours.
func topicPolicyType() *resource.Type {
	put := func(env *resource.Env, op resource.Op, in resource.Props) error {
		topic := in.Str("arn")
		a := action{op, labelTopicPolicy, topic, "SNS", "SetTopicAttributes"}
		if t, ok := env.View().Get(tokenTopic, topic); !ok || t.Inputs.Str("region") != in.Str("region") {
			return a.refuse(codeTopicNotFound, "Topic does not exist")
		}
		words, err := policyText(in, "policy")
		var d document
		if err == nil {
			d, err = parsePolicy(words, resourcePolicy)
		}
		if err != nil {
			return a.refuse(codeInvalidTopic, "Invalid parameter: Policy Error: %v", err)
		}
		ids := map[string]bool{}
		for _, s := range d.Statements {
			if slices.ContainsFunc(s.Actions, func(a string) bool {
				action, ok := strings.CutPrefix(strings.ToLower(a), "sns:")
				return !ok || !slices.Contains(topicActions, action)
			}) {
				return a.refuse(codeInvalidTopic, "Invalid parameter: Policy statement action out of service scope!")
			}
			if len(s.Resources) != 1 || s.Resources[0] != "*" && s.Resources[0] != topic {
				return a.refuse(codeInvalidTopic, "Invalid parameter: Policy statement must apply to a single resource!")
			}
			if ids[s.ID] {
				return a.refuse(codeInvalidTopic, "Invalid parameter: Every policy statement must have a unique ID.")
			}
			ids[s.ID] = true
		}
		return nil
	}
	return &resource.Type{
		Token: tokenTopicPolicy, Label: labelTopicPolicy,
		Properties: []resource.Property{fixed(required(text("arn"))), policyProperty("policy"), fixed(regionProperty())},
		Computed:   []string{"owner"},
		Unique:     []string{"arn"},
		Conflict:   func(resource.Props) error { return nil }, // a put
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			return in.Str("arn"), resource.Props{"owner": Account}, put(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, put(env, resource.OpUpdate, in)
		},
	}
}

// emailAddress is what Subscribe takes for one.
var emailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// topicSubscriptionType is aws:sns/topicSubscription:TopicSubscription. Source: SNS API reference, Subscribe. A subscription of
// an address waits until its owner follows the link it is sent, which nobody does here: the local clouds send no mail.
func topicSubscriptionType() *resource.Type {
	return &resource.Type{
		Token: tokenSubscription, Label: labelSubscription,
		Properties: []resource.Property{
			fixed(required(text("topic"))),
			{Name: "protocol", Kind: resource.String, Required: true, Immutable: true,
				OneOf: oneOf("sqs", "sms", "lambda", "firehose", "application", "email", "email-json", "http", "https")},
			fixed(required(text("endpoint"))),
			{Name: "confirmationTimeoutInMinutes", Kind: resource.Int, Default: 1.0, Ignored: true},
			{Name: "endpointAutoConfirms", Kind: resource.Bool, Default: false, OneOf: []any{false}},
			{Name: "rawMessageDelivery", Kind: resource.Bool, Default: false, OneOf: []any{false}},
			fixed(regionProperty()),
		},
		Unmodelled: []string{"deliveryPolicy", "filterPolicy", "filterPolicyScope", "redrivePolicy", "replayPolicy", "subscriptionRoleArn"},
		Computed:   []string{"arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if p := in.Str("protocol"); in.Has("protocol") && !strings.HasPrefix(p, "email") {
				return []resource.Failure{unsupported("protocol", "subscriptions by %s", p)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			topic := in.Str("topic")
			a := action{resource.OpCreate, labelSubscription, topic, "SNS", "Subscribe"}
			if t, ok := env.View().Get(tokenTopic, topic); !ok || t.Inputs.Str("region") != in.Str("region") {
				return "", nil, a.refuse(codeTopicNotFound, "Topic does not exist")
			}
			if !emailAddress.MatchString(in.Str("endpoint")) {
				return "", nil, a.refuse(codeInvalidTopic, "Invalid parameter: Email address")
			}
			s := serial(env, 32, tokenSubscription, topic, in.Str("endpoint"))
			id := fmt.Sprintf("%s:%s-%s-%s-%s-%s", topic, s[:8], s[8:12], s[12:16], s[16:20], s[20:])
			return id, resource.Props{"arn": id, "confirmationWasAuthenticated": false, "ownerId": Account, "pendingConfirmation": true}, nil
		},
	}
}

// admits says why a topic would not hear of an alarm; "" when it would. A topic without a policy of its own admits its
// account. Source: "Why didn't I receive an SNS notification for my CloudWatch alarm trigger", repost.aws/knowledge-center/
// cloudwatch-receive-sns-for-alarm-trigger, and, of the key, repost.aws/knowledge-center/cloudwatch-configure-alarm-sns.
func admits(v resource.View, topic, alarm string) string {
	t, ok := v.Get(tokenTopic, topic)
	if !ok {
		return "there is no such topic"
	}
	if t.Inputs.Str("kmsMasterKeyId") == snsKey {
		return "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."
	}
	own, ok := v.Get(tokenTopicPolicy, topic)
	if !ok {
		return ""
	}
	words, err := policyText(own.Inputs, "policy")
	if err == nil {
		if d, err := parsePolicy(words, resourcePolicy); err == nil && slices.ContainsFunc(d.Statements, func(s statement) bool { return s.lets(topic, alarm) }) {
			return ""
		}
	}
	return fmt.Sprintf("Resource: %s is not authorized to perform: SNS:Publish on resource: %s", alarm, topic)
}

// lets reports whether a statement lets CloudWatch publish for an alarm of this account.
func (s statement) lets(topic, alarm string) bool {
	who := slices.Contains(s.Principals["Service"], serviceCloudWatch) || slices.Contains(s.Principals["AWS"], "*") || len(s.Principals["*"]) > 0
	what := slices.ContainsFunc(s.Actions, func(a string) bool { return strings.EqualFold(a, "sns:Publish") })
	where := slices.Contains(s.Resources, topic) || slices.Contains(s.Resources, "*")
	if s.Effect != "Allow" || !who || !what || !where {
		return false
	}
	for operator, keys := range s.Conditions {
		for key, want := range keys {
			value, known := map[string]string{"aws:sourceaccount": Account, "aws:sourceowner": Account, "aws:sourcearn": alarm}[strings.ToLower(key)]
			if !known || !meets(operator, value, want) {
				return false
			}
		}
	}
	return true
}

// meets evaluates the operators that policies of topics use; an unknown one is not met.
func meets(operator, value string, want any) bool {
	var wants []any
	switch w := want.(type) {
	case []any:
		wants = w
	default:
		wants = []any{w}
	}
	return slices.ContainsFunc(wants, func(w any) bool {
		text, ok := w.(string)
		switch operator {
		case "StringEquals":
			return ok && text == value
		case "ArnLike", "ArnEquals":
			return ok && arnLike(text, value)
		}
		return false
	})
}
