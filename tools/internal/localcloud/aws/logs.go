package aws

import (
	"context"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenLogGroup = "aws:cloudwatch/logGroup:LogGroup"
	labelLogGroup = "CloudWatch Logs Log Group"
)

// retentions are the days a log group can keep events; 0 is for ever. Source: CloudWatch Logs API reference,
// PutRetentionPolicy, retentionInDays.
var retentions = []any{0.0, 1.0, 3.0, 5.0, 7.0, 14.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 365.0, 400.0, 545.0, 731.0,
	1096.0, 1827.0, 2192.0, 2557.0, 2922.0, 3288.0, 3653.0}

// logGroupType is aws:cloudwatch/logGroup:LogGroup. Source: CloudWatch Logs API reference, CreateLogGroup (name 1..512).
func logGroupType() *resource.Type {
	return &resource.Type{
		Token: tokenLogGroup, Label: labelLogGroup,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(512), Pattern: regexp.MustCompile(`^[.\-_/#A-Za-z0-9]+$`)},
			{Name: "retentionInDays", Kind: resource.Int, Default: 0.0, OneOf: retentions},
			{Name: "logGroupClass", Kind: resource.String, Immutable: true, Default: "STANDARD", OneOf: oneOf("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")},
			{Name: "skipDestroy", Kind: resource.Bool, Default: false, OneOf: []any{false}},
			{Name: "deletionProtectionEnabled", Kind: resource.Bool, Default: false},
			regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{"kmsKeyId", "namePrefix"},
		Computed:   []string{"arn", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 512},
		Scope:      []string{"region"},
		Unique:     []string{"name", "region"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelLogGroup, in.Str("name"), "CloudWatch Logs", "CreateLogGroup"}.refuse(codeResourceExists,
				"The specified log group already exists")
		},
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			name := in.Str("name")
			return name, resource.Props{"arn": arn("logs", in.Str("region"), "log-group:"+name), "tagsAll": tagsAll(in)}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		Delete: func(_ context.Context, _ *resource.Env, old resource.Record) error {
			if old.Inputs.Bool("deletionProtectionEnabled") {
				return action{resource.OpDelete, labelLogGroup, old.ID, "CloudWatch Logs", "DeleteLogGroup"}.refuse(codeValidation,
					"Log group %s has deletion protection enabled.", old.ID)
			}
			return nil
		},
	}
}

// logGroupByARN finds a log group by its ARN, which may end in ":*" as CloudWatch's own does.
func logGroupByARN(v resource.View, arn string) (resource.Record, bool) {
	return v.Find(tokenLogGroup, "arn", strings.TrimSuffix(arn, ":*"))
}
