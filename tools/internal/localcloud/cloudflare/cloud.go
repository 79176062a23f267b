// Package cloudflare is the local Cloudflare: the resource types the gateway's program uses, with Cloudflare's own rules and
// words, the lookup of zones, and the projection of all of it into what the data plane serves. It runs no region.
//
// One file holds one subject: zone.go, record.go, monitor.go, pool.go, balancer.go, ruleset.go, setting.go, project.go.
package cloudflare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Account is the Cloudflare account every resource belongs to. It has an Enterprise plan, which sets the least of intervals
// and TTLs and lets everything be bought that the stacks use.
const Account = "00000000000000000000000000c10d00"

// Version is the pulumi-cloudflare SDK whose types are modelled.
const Version = "6.13.0"

// Cloud describes the local Cloudflare.
func Cloud() *resource.Cloud {
	return &resource.Cloud{
		Package: "cloudflare", Provider: "cloudflare", Version: Version, Account: Account,
		Types:   []*resource.Type{recordType(), monitorType(), poolType(), balancerType(), rulesetType(), settingType()},
		Invokes: []*resource.Invoke{getZoneInvoke()},
		Outage:  outage,
	}
}

// hostPattern is the form of a host name of at least two labels.
var hostPattern = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// derive makes a stable identifier in Cloudflare's form, 32 hex digits, from what it belongs to.
func derive(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(h[:16])
}

// serial makes an identifier that no other record of the type has, even after one was deleted and made again in between.
func serial(env *resource.Env, token string, parts ...string) string {
	for i := 0; ; i++ {
		id := derive(append([]string{token, env.Now().String(), fmt.Sprint(i)}, parts...)...)
		if _, taken := env.View().Get(token, id); !taken {
			return id
		}
	}
}

// stamps are the times that most objects carry.
func stamps(env *resource.Env) resource.Props {
	now := env.Now().Format(time.RFC3339)
	return resource.Props{"createdOn": now, "modifiedOn": now}
}

func changed(env *resource.Env) resource.Props {
	return resource.Props{"modifiedOn": env.Now().Format(time.RFC3339)}
}

func fqdn(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Properties that many types share.

func accountProperty() resource.Property {
	return resource.Property{Name: "accountId", Kind: resource.String, Required: true, Immutable: true}
}

func zoneProperty() resource.Property {
	return resource.Property{Name: "zoneId", Kind: resource.String, Required: true, Immutable: true}
}

func oneOf(values ...string) []any { return resource.List(values...) }

func text(name string) resource.Property { return resource.Property{Name: name, Kind: resource.String} }

func required(p resource.Property) resource.Property {
	p.Required = true
	return p
}

func flag(name string, byDefault bool) resource.Property {
	return resource.Property{Name: name, Kind: resource.Bool, Default: byDefault}
}

func texts(name string) resource.Property {
	return resource.Property{Name: name, Kind: resource.Array, Elem: &resource.Property{Kind: resource.String}}
}

// unsupported refuses what the real Cloudflare takes and the local one does not have.
func unsupported(property, format string, args ...any) resource.Failure {
	return resource.Failure{Property: property, Reason: "the local clouds do not have " + fmt.Sprintf(format, args...)}
}
