// Package gcp deploys the gateway to Google Cloud: a Cloud Function (2nd generation) behind a global external
// application load balancer of its own for each region.
package gcp

import (
	"fmt"
	"regexp"
	"time"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/certificatemanager"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/monitoring"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/networksecurity"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// Provider is Google Cloud.
type Provider struct{}

// providerName is the provider's, as in polygate:regions.
const providerName = "gcp"

// configProject is the key of the project everything is deployed to.
const configProject = "gcp:project"

// projectID is the form of a project's id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter and not ending
// with a hyphen. Old ones have the domain of their owner before it. Sources: Cloud Resource Manager API v3, projects, projectId;
// "Creating and managing projects", docs.cloud.google.com/resource-manager/docs/creating-managing-projects.
const projectID = `(?:[a-z0-9][a-z0-9.-]*\.[a-z]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]`

// regions are those of Cloud Run functions, with a short name for each.
// Source: "Cloud Run functions locations", docs.cloud.google.com/functions/docs/locations.
var regions = map[string]string{
	"africa-south1": "afs1", "asia-east1": "ase1", "asia-east2": "ase2", "asia-northeast1": "asne1",
	"asia-northeast2": "asne2", "asia-northeast3": "asne3", "asia-south1": "ass1", "asia-south2": "ass2",
	"asia-southeast1": "asse1", "asia-southeast2": "asse2", "australia-southeast1": "ause1",
	"australia-southeast2": "ause2", "europe-central2": "euc2", "europe-north1": "eun1", "europe-southwest1": "eusw1",
	"europe-west1": "euw1", "europe-west2": "euw2", "europe-west3": "euw3", "europe-west4": "euw4",
	"europe-west6": "euw6", "europe-west8": "euw8", "europe-west9": "euw9", "europe-west10": "euw10",
	"europe-west12": "euw12", "me-central1": "mec1", "me-central2": "mec2", "me-west1": "mew1",
	"northamerica-northeast1": "nane1", "northamerica-northeast2": "nane2", "southamerica-east1": "sae1",
	"southamerica-west1": "saw1", "us-central1": "usc1", "us-east1": "use1", "us-east4": "use4", "us-east5": "use5",
	"us-south1": "uss1", "us-west1": "usw1", "us-west2": "usw2", "us-west3": "usw3", "us-west4": "usw4",
}

// Spec says what Google Cloud can do.
func (Provider) Spec() provider.Spec {
	return provider.Spec{
		Name:          providerName,
		Regions:       regions,
		Architectures: nil, // the source is built there
		// One CPU, which a concurrency above one requires, wants 128 MiB to 4 GiB. Source: "Configure memory limits
		// for services", docs.cloud.google.com/run/docs/configuring/services/memory-limits.
		Memory: provider.Allowed{Least: 128, Most: 4096},
		// Source: "Quotas", docs.cloud.google.com/functions/quotas: 60 minutes for HTTP functions.
		Timeout:      provider.Allowed{Least: 1, Most: 3600},
		LogRetention: provider.Allowed{Least: 1, Most: maxRetention},
		// Source: "Set minimum instances for services": no more than the maximum, docs.cloud.google.com/run/docs/configuring/
		// min-instances.
		WarmWithin: true,
		// Source: "Create, edit, or delete budgets and budget alerts", docs.cloud.google.com/billing/docs/how-to/budgets.
		BillingAccount: true,
		// The common name of a public certificate has at most 64 characters (RFC 5280, appendix A.1, ub-common-name).
		MaxOwnName: 64,
		Limits:     limits,
		// Google's own authority issues, and Let's Encrypt where that one cannot. Source: "Core components", Google-managed
		// certificates, docs.cloud.google.com/certificate-manager/docs/core-components.
		Authorities: []string{"pki.goog", "letsencrypt.org"},
		Config: []provider.ConfigKey{
			{Key: configProject, What: "the id of the Google Cloud project to deploy to", Form: regexp.MustCompile(`^` + projectID + `$`), Example: "my-project-123"},
		},
		Check:        check,
		Countries:    true,
		Certificates: clientCertificates,
		Silent:       silent,
	}
}

// check finds what Google Cloud cannot do with the dials of operation.
func check(s settings.Settings, _ settings.Lookup) []settings.Problem {
	return append(checkSecrets(s), checkBudget(s)...)
}

// settleTime is how long a first build waits for its identity's roles: "changes to allow or deny policies typically
// propagate in 2 minutes, but could potentially take 7 minutes or longer". It is worth the wait: a function whose
// first build is refused may stay behind as failed, to be deleted by hand before it can be created (unconfirmed).
// Source: "Access change propagation", docs.cloud.google.com/iam/docs/access-change-propagation; pulumi-gcp's own
// example of a function with a build identity waits as well (cloudfunctionsv2.Function, "Basic Builder").
const settleTime = 2 * time.Minute

// account is the Google Cloud project's part of a stack.
type account struct {
	pulumi.ResourceState

	name    string
	args    provider.AccountArgs
	project string
	kept    topology.Store // where the stack's documents are
	bucket  *storage.Bucket
	settle  *pulumi.ResourceHook // before a first build
	secrets *pulumi.ResourceHook // before an update that reads another secret
	told    *pulumi.ResourceHook // before an update that believes more of what the load balancer tells
	// alarmMail is where the regions' alarms go; nil without any.
	alarmMail *monitoring.NotificationChannel
	// clients is by what load balancers ask clients for certificates; nil where they do not.
	clients *networksecurity.ServerTlsPolicy
	// authorization proves to Certificate Manager that the shared name is ours, for every region's certificate: its
	// record is one per project and name.
	authorization *proof
}

// NewAccount declares the proof that the shared name is ours, which all regions' certificates use.
func (Provider) NewAccount(ctx *pulumi.Context, name string, args provider.AccountArgs, opts ...pulumi.ResourceOption) (provider.Account, error) {
	project, ok := args.Config(configProject)
	if !ok || project == "" {
		return nil, fmt.Errorf("component %s: %s is not set in the stack file", name, configProject)
	}
	a := &account{name: name, args: args, project: project}
	var err error
	if a.settle, err = provider.Settle(ctx, name, args.Settings, settleTime); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if a.secrets, err = settleSecrets(ctx, name, args.Settings); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if a.told, err = settleTold(ctx, name, args.Settings); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := ctx.RegisterComponentResource(provider.TypeToken("gcp", "Account"), name, a, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	a.authorization, err = a.prove(ctx, name, provider.PhysicalName(args.Settings.Environment, "shared"), args.Settings.Hostname,
		provider.Tags(args, nil), pulumi.Parent(a))
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.operate(ctx, name); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.store(ctx, name); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.askClients(ctx, name); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(a, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return a, nil
}

// operate declares what watches over all regions: their logs, the mail for alarms, and the budget.
func (a *account) operate(ctx *pulumi.Context, name string) (err error) {
	parent := pulumi.Parent(a)
	if err := a.logs(ctx, name, parent); err != nil {
		return err
	}
	if alarms := a.args.Settings.Alarms; alarms != nil {
		if a.alarmMail, err = a.mail(ctx, name, "alarms", alarms.Email, parent); err != nil {
			return err
		}
	}
	return a.budget(ctx, name, parent)
}

// proof is a DNS authorisation and the record that fulfils it.
type proof struct {
	authorization *certificatemanager.DnsAuthorization
	record        *provider.Written
}

// prove declares a DNS authorisation for a name and writes its record; stem begins its physical name. PER_PROJECT_RECORD
// keeps the record away from _acme-challenge.<name>, which other clouds' certificates of the same name need. Source:
// "Domain authorization for Google-managed certificates", docs.cloud.google.com/certificate-manager/docs/
// domain-authorization.
func (a *account) prove(ctx *pulumi.Context, name, stem, host string, labels pulumi.StringMap, parent pulumi.ResourceOption) (*proof, error) {
	authorization, err := certificatemanager.NewDnsAuthorization(ctx, name+"-authorization", &certificatemanager.DnsAuthorizationArgs{
		Name:   pulumi.String(nameFor(stem, host)),
		Domain: pulumi.String(host),
		Type:   pulumi.String("PER_PROJECT_RECORD"),
		Labels: labels,
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("DNS authorisation of %s: %w", host, err)
	}
	want := authorization.DnsResourceRecords.Index(pulumi.Int(0))
	record, err := a.args.Names.Write(ctx, name+"-validation", provider.Record{
		Name: want.Name().Elem(), Type: want.Type().Elem(), Value: want.Data().Elem(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("validation record of %s: %w", host, err)
	}
	return &proof{authorization: authorization, record: record}, nil
}

var (
	_ provider.Provider = Provider{}
	_ provider.Account  = (*account)(nil)
)
