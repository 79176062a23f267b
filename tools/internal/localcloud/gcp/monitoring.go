package gcp

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of Cloud Monitoring beside the alert policy.
const (
	tokenChannel = "gcp:monitoring/notificationChannel:NotificationChannel"
	tokenUptime  = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig"
)

// monitoring describes a resource of Cloud Monitoring: Google names it, and one made twice is two.
func monitoring(token, label, kind string, properties ...resource.Property) *resource.Type {
	return &resource.Type{
		Token: token, Label: label,
		Properties: append([]resource.Property{project, userLabels}, properties...),
		Computed:   []string{"name"},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			n := 0
			for _, r := range env.View().List(token) { // numbers of what is gone may come again: nothing refers to them
				n = max(n, r.Private.Int("number"))
			}
			id := fmt.Sprintf("projects/%s/%s/%s", in.Str("project"), kind, digits(19, kind, in.Str("project"), strconv.Itoa(n+1)))
			return id, resource.Props{"name": id, resource.PrivateKey: resource.Props{"number": float64(n + 1)}}, nil
		},
	}
}

var emailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// notificationChannel is a way to call somebody; only mail is modelled, and none is sent.
// Source: Cloud Monitoring API v3, NotificationChannelDescriptor "email", label email_address.
func notificationChannel() *resource.Type {
	t := monitoring(tokenChannel, "NotificationChannel", "notificationChannels",
		required(immutable(choice("type", "email"))),
		displayName(512),
		resource.Property{Name: "description", Kind: resource.String, Max: resource.At(1024)},
		resource.Property{Name: "enabled", Kind: resource.Bool, Default: true},
		resource.Property{Name: "forceDelete", Kind: resource.Bool, Default: false},
		resource.Property{
			Name: "labels", Kind: resource.Map, Required: true, Elem: &resource.Property{Kind: resource.String},
			Complain: func(v any) string {
				p := v.(resource.Props)
				if len(p) != 1 || !emailAddress.MatchString(p.Str("email_address")) {
					return apiError(400, ReasonBad, `Field "notification_channel.labels" had an invalid value: `+
						`a channel of type "email" has the one label "email_address", with an address`).Error()
				}
				return ""
			},
		},
	)
	t.Unmodelled = []string{"deletionPolicy", "sensitiveLabels"}
	t.Computed = append(t.Computed, "verificationStatus")
	create := t.Create
	t.Create = func(ctx context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, out, err := create(ctx, env, in)
		return id, out.With(resource.Props{"verificationStatus": ""}), err
	}
	// Source of the words: terraform-provider-google issue #10337.
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		if old.Inputs.Bool("forceDelete") {
			return nil
		}
		for _, p := range env.View().List(tokenAlertPolicy) {
			if slices.Contains(p.Inputs.Strings("notificationChannels"), old.ID) {
				return apiError(400, ReasonBad, "Could not delete %q because it is still being referenced by: %q", old.ID, p.ID)
			}
		}
		return nil
	}
	return t
}

// uptimeRegions is how many checkers each place has: a check wants three. Source: "Uptime checks overview",
// docs.cloud.google.com/monitoring/uptime-checks/introduction.
var uptimeRegions = map[string]int{"USA": 3, "EUROPE": 1, "SOUTH_AMERICA": 1, "ASIA_PACIFIC": 1, "USA_OREGON": 1, "USA_IOWA": 1, "USA_VIRGINIA": 1}

// uptimeCheck asks a public name from several places, and reads the expiry of the certificate it is shown. The local Google
// Cloud asks nobody: the traffic manager's checks do, and no alarm follows from this one here.
func uptimeCheck() *resource.Type {
	text := &resource.Property{Kind: resource.String}
	t := monitoring(tokenUptime, "UptimeCheckConfig", "uptimeCheckConfigs",
		required(displayName(512)),
		oneOf("period", "300s", "60s", "600s", "900s"),
		required(span("timeout", func(n int) string {
			if n < 1 || n > 60 {
				return fmt.Sprintf("the timeout is %d s: it must be between 1 s and 60 s", n)
			}
			return ""
		})),
		resource.Property{
			Name: "monitoredResource", Kind: resource.Object, Required: true, Immutable: true, Fields: []resource.Property{
				required(choice("type", "uptime_url")), {Name: "labels", Kind: resource.Map, Required: true, Elem: text},
			},
			Complain: func(v any) string {
				l := v.(resource.Props).Object("labels")
				if !l.Has("host") || !l.Has("project_id") || len(l) != 2 {
					return "a monitored resource of type uptime_url has the labels project_id and host"
				}
				return ""
			},
		},
		resource.Property{
			Name: "httpCheck", Kind: resource.Object, Required: true, Fields: []resource.Property{
				{Name: "path", Kind: resource.String, Default: "/"}, {Name: "port", Kind: resource.Int, Min: resource.At(1), Max: resource.At(65535)},
				{Name: "useSsl", Kind: resource.Bool}, {Name: "validateSsl", Kind: resource.Bool},
				oneOf("requestMethod", "GET", "METHOD_UNSPECIFIED", "POST"),
				{Name: "acceptedResponseStatusCodes", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
					choice("statusClass", "STATUS_CLASS_1XX", "STATUS_CLASS_2XX", "STATUS_CLASS_3XX", "STATUS_CLASS_4XX", "STATUS_CLASS_5XX", "STATUS_CLASS_ANY"),
					{Name: "statusValue", Kind: resource.Int},
				}}},
			},
			Unmodelled: []string{
				"authInfo", "body", "contentType", "customContentType", "headers", "maskHeaders", "pingConfig",
				"serviceAgentAuthentication",
			},
			Complain: func(v any) string {
				if p := v.(resource.Props); p.Bool("validateSsl") && !p.Bool("useSsl") {
					return "validateSsl has no effect without useSsl"
				}
				return ""
			},
		},
		resource.Property{
			Name: "selectedRegions", Kind: resource.Array,
			Elem: &resource.Property{Kind: resource.String, OneOf: asAny(slices.Sorted(maps.Keys(uptimeRegions)))},
			Complain: func(v any) string {
				n := 0
				for _, r := range (resource.Props{"": v}).Strings("") {
					n += uptimeRegions[r]
				}
				if n < 3 {
					return fmt.Sprintf("the regions have %d checkers: a check needs at least three", n)
				}
				return ""
			},
		},
	)
	t.Unmodelled = []string{"checkerType", "contentMatchers", "deletionPolicy", "logCheckFailures", "resourceGroup", "syntheticMonitor", "tcpCheck"}
	t.Computed = append(t.Computed, "uptimeCheckId")
	create := t.Create
	t.Create = func(ctx context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, out, err := create(ctx, env, in)
		short := "check-" + last(id)
		id = id[:len(id)-len(last(id))] + short
		return id, out.With(resource.Props{"name": id, "uptimeCheckId": short}), err
	}
	return t
}
