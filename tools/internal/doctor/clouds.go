package doctor

import (
	"context"
	"errors"

	"polygate.example/tools/internal/credential"
)

// ErrNoCredentials says that nobody is logged in to a cloud.
var ErrNoCredentials = credential.ErrNone

// Clouds connects to the clouds. A connection is made with the credentials that Pulumi's provider would find, and fails with
// an error that wraps ErrNoCredentials where there are none.
type Clouds struct {
	AWS        func(context.Context) (AWS, error)
	Google     func(context.Context) (Google, error)
	Azure      func(context.Context) (Azure, error)
	Cloudflare func(context.Context) (Cloudflare, error)
}

// AWS is what is asked of Amazon Web Services.
type AWS interface {
	// Identity is the ARN of whose credentials they are.
	Identity(context.Context) (arn string, err error)
	// Regions lists the account's enabled regions.
	Regions(context.Context) ([]string, error)
	// Concurrency is how many instances of functions the account may have in a region, and how many of them no function
	// has reserved.
	Concurrency(ctx context.Context, region string) (limit, unreserved int, err error)
	// Zone lists the name servers of the public hosted zone of a name. It fails with ErrNoZone where there is none.
	Zone(ctx context.Context, name string) ([]string, error)
	// HealthChecks is how many health checks of Route 53 the account may have, and has.
	HealthChecks(context.Context) (limit, used int, err error)
}

// Google is what is asked of Google Cloud.
type Google interface {
	// Identity is the account whose credentials they are, as far as it can be told. It proves that they work.
	Identity(context.Context) (string, error)
	// Locations lists where functions can be deployed.
	Locations(ctx context.Context, project string) ([]string, error)
	// Services lists the APIs that are enabled, such as run.googleapis.com.
	Services(ctx context.Context, project string) ([]string, error)
	// Quotas lists the project's global quotas of Compute Engine.
	Quotas(ctx context.Context, project string) ([]Quota, error)
	// Restricted reports whether a constraint of the organisation's policies keeps grants to everybody off the project:
	// iam.allowedPolicyMemberDomains or iam.managed.allowedPolicyMembers.
	Restricted(ctx context.Context, project, constraint string) (bool, error)
}

// Quota is how much of something there may be, and is.
type Quota struct {
	Metric       string
	Limit, Usage float64
}

// Azure is what is asked of Microsoft Azure.
type Azure interface {
	// Identity proves that the credentials work and says for which subscription.
	Identity(ctx context.Context, subscription string) (name string, err error)
	// FlexLocations lists where Flex Consumption is sold to a subscription.
	FlexLocations(ctx context.Context, subscription string) ([]string, error)
	// Providers lists the resource providers that are registered, such as Microsoft.Web.
	Providers(ctx context.Context, subscription string) ([]string, error)
	// Usages lists the subscription's quotas of App Service in a region.
	Usages(ctx context.Context, subscription, region string) ([]Quota, error)
	// Zone lists the name servers of a DNS zone. It fails with ErrNoZone where there is none.
	Zone(ctx context.Context, subscription, group, name string) ([]string, error)
	// Profiles counts the subscription's profiles of Traffic Manager.
	Profiles(ctx context.Context, subscription string) (int, error)
}

// Cloudflare is what is asked of Cloudflare.
type Cloudflare interface {
	// Identity proves that the token works and says its status.
	Identity(context.Context) (string, error)
	// Zone says what is known of a zone. It fails with ErrNoZone where the token sees none.
	Zone(ctx context.Context, name string) (CloudflareZone, error)
	// Pools counts an account's pools of Load Balancing, and the endpoints in them.
	Pools(ctx context.Context, account string) (pools, endpoints int, err error)
	// Rulesets lists a zone's own rulesets, of which there is one of a phase.
	Rulesets(ctx context.Context, zone string) ([]Ruleset, error)
}

// Ruleset are a zone's rules for a phase of its requests, such as http_config_settings.
type Ruleset struct{ ID, Name, Phase string }

// CloudflareZone is a zone in the words of Cloudflare's API.
type CloudflareZone struct {
	Servers     []string
	ID, Account string
	Setup       string // full, partial or secondary
	Status      string // pending, active, moved
	Plan        string // free, pro, business, enterprise; "" where the API does not say
}

// ErrNoZone says that a manager has no zone of a name.
var ErrNoZone = errors.New("there is no such zone")
