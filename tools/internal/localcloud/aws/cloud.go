// Package aws is the local AWS: the resource types the gateway's program uses, with AWS's own rules and words, the
// lookup of hosted zones, and the projection of all of it into what the data plane serves.
//
// One file holds one service or one subject: iam.go, policy.go, logs.go, lambda.go, version.go, alias.go, warm.go, layer.go, secret.go,
// permission.go, alarm.go, topic.go, budget.go, api.go, stage.go, domain.go, trust.go, acm.go, healthcheck.go, record.go with the rules
// between records in recordset.go and of routing policies in routing.go, zone.go, recovery.go, routingcontrol.go, bucket.go, project.go.
package aws

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Account is the AWS account every resource belongs to.
const Account = "000000000000"

// Version is the pulumi-aws SDK whose types are modelled.
const Version = "7.41.0"

// DefaultRegion is where resources without a region of their own go, as the local account's profile says.
const DefaultRegion = "us-east-1"

// Cloud describes the local AWS.
func Cloud() *resource.Cloud {
	return &resource.Cloud{
		Package: "aws", Provider: "aws", Version: Version, Account: Account,
		Types: []*resource.Type{
			roleType(), rolePolicyType(), logGroupType(), functionType(), aliasType(), warmType(), permissionType(),
			metricAlarmType(), topicType(), topicPolicyType(), topicSubscriptionType(), budgetType(),
			apiType(), integrationType(), routeType(), stageType(), domainNameType(), apiMappingType(),
			certificateType(), certificateValidationType(), healthCheckType(), recordType(),
			clusterType(), controlPanelType(), routingControlType(), safetyRuleType(),
			bucketType(), publicAccessType(), versioningType(), lifecycleType(), bucketPolicyType(), objectType(),
		},
		Invokes:   []*resource.Invoke{getZoneInvoke(), callerInvoke()},
		Configure: configure, SecretName: secretName,
		Managers: map[string]string{"aws:route53": "route53"},
		Outage:   outage,
	}
}

// regionPattern is the form of a region's name (pulumi-aws refuses others as "Invalid AWS Region").
var regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)

// configure fills in the region.
func configure(config resource.Props) (resource.Props, []resource.Failure) {
	if !config.Has("region") && !config.Unknown("region") {
		return config.With(resource.Props{"region": DefaultRegion}), nil
	}
	if r := config.Str("region"); r != "" && !regionPattern.MatchString(r) {
		return config, []resource.Failure{{Property: "region", Reason: "Invalid AWS Region: " + r}}
	}
	return config, nil
}

// outage is how a service answers that is not there.
func outage(op resource.Op, label, id string) error {
	service, _, _ := strings.Cut(label, " ")
	return action{op, label, id, service, "any"}.refuse(codeServiceUnavailable, "Service is currently unavailable. Please try again later.")
}

// arn makes the ARN of something in the account; region is "" for a global service.
func arn(service, region, rest string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, Account, rest)
}

// derive makes a stable identifier of n lower-case letters and digits from what it belongs to.
func derive(n int, parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h[:]))[:n]
}

// serial makes an identifier that no other record of the type has, even after one was deleted and made again in between.
func serial(env *resource.Env, n int, token string, parts ...string) string {
	for i := 0; ; i++ {
		id := derive(n, append([]string{token, env.Now().String(), fmt.Sprint(i)}, parts...)...)
		if _, taken := env.View().Get(token, id); !taken {
			return id
		}
	}
}

// removeAll takes away what goes with a resource that is deleted.
func removeAll(env *resource.Env, records []resource.Record) error {
	for _, r := range records {
		if err := env.Remove(r); err != nil {
			return err
		}
	}
	return nil
}

// Properties that many types share.

func regionProperty() resource.Property {
	return resource.Property{Name: "region", Kind: resource.String, Immutable: true, FromConfig: "region", Pattern: regionPattern}
}

func tagsProperty() resource.Property {
	return resource.Property{Name: "tags", Kind: resource.Map, Max: resource.At(50), Elem: &resource.Property{Kind: resource.String, Max: resource.At(256)}}
}

// tagsAll are the tags with the provider's default tags; the local one has none of the latter.
func tagsAll(in resource.Props) resource.Props {
	if tags := in.Object("tags"); tags != nil {
		return tags
	}
	return resource.Props{}
}

func oneOf(values ...string) []any { return resource.List(values...) }

func text(name string) resource.Property { return resource.Property{Name: name, Kind: resource.String} }

func fixed(p resource.Property) resource.Property {
	p.Immutable = true
	return p
}

func required(p resource.Property) resource.Property {
	p.Required = true
	return p
}

func flag(name string, byDefault bool) resource.Property {
	return resource.Property{Name: name, Kind: resource.Bool, Default: byDefault}
}
