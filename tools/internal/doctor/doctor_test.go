package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"polygate.example/tools/internal/report"
)

func TestHealthy(t *testing.T) {
	r := Run(t.Context(), healthy(t).opts)
	if !r.Healthy() || r.Result != report.OK || r.Subject != "dev" {
		t.Errorf("%s is %s", r.Subject, r.Result)
	}
	var names []string
	for _, c := range r.Checks {
		names = append(names, c.Name)
		want := report.OK
		if c.Name == "cloudflare: rulesets of example.com" { // of which a spare has none
			want = report.Skipped
		}
		if c.Result != want || c.Detail == "" {
			t.Errorf("%+v, want %s", c, want)
		}
	}
	want := "aws: credentials, aws: regions, aws: Lambda concurrency in use1, route53: zone example.com, route53: health checks, gcp: credentials, gcp: APIs of p, gcp: regions, gcp: quotas of p, gcp: sharing of p, " +
		"azure: credentials, azure: resource providers, azure: regions, azure: quotas in eastus, cloudflare: credentials, cloudflare: zone example.com, cloudflare: plan of example.com, cloudflare: rulesets of example.com, CAA of api.example.com, " +
		"name api.example.com, name use1.aws.api.example.com, certificates of aws/use1, name usc1.gcp.api.example.com, certificates of gcp/usc1, " +
		"name eastus.azure.api.example.com, certificates of azure/eastus"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("checks\n%s, want\n%s", got, want)
	}
}

// Each row breaks one thing, and one check says so and what to do.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name   string
		wreck  func(*world)
		check  string
		result report.Result
		detail string
		remedy string
	}{
		{"region not enabled", func(w *world) { w.account.regions = []string{"euw1"} }, "aws: regions", report.Failed, "not enabled in the account: use1", "aws account enable-region"},
		{"a new account's ten instances", func(w *world) { w.account.limit, w.account.unreserved = 10, 10; w.opts.Deployed = nil },
			"aws: Lambda concurrency in use1", report.Failed, "10 of the account's 10 are not reserved: polygate:concurrency is 100", "L-B99A9384"},
		{"others have reserved the rest", func(w *world) { w.account.unreserved = 150; w.opts.Deployed = nil },
			"aws: Lambda concurrency in use1", report.Failed, "150 of the account's 1000 are not reserved", "ask for more"},
		{"a limit lowered below what is deployed", func(w *world) { w.account.limit, w.account.unreserved = 150, 50 },
			"aws: Lambda concurrency in use1", report.Failed, "may have 150 instances", "lower polygate:concurrency"},
		{"what is deployed has its own already", func(w *world) { w.account.unreserved = 120 }, "aws: Lambda concurrency in use1", report.OK, "120 of the account's 1000", ""},
		{"AWS refuses", func(w *world) { w.account.err = errors.New("AccessDenied\nand more") }, "aws: regions", report.Failed, "AccessDenied", "account:ListRegions"},
		{"no hosted zone", func(w *world) { w.account.zoneErr = ErrNoZone }, "route53: zone example.com", report.Failed, "aws has no Route 53 hosted zone of that name", "create-hosted-zone --name example.com"},
		{"zone not delegated", func(w *world) { w.above = map[string]string{"192.0.2.53:53": ""} }, "route53: zone example.com", report.Failed,
			"nobody is led to it: the zone above has no NS records", "name these: ns-1.awsdns.test, ns-2.awsdns.test"},
		{"zone delegated elsewhere", func(w *world) {
			w.above = map[string]string{"192.0.2.53:53": "example.com. 60 IN NS ns.old.test."}
		}, "route53: zone example.com", report.Failed, "by a.gtld.test it is delegated to ns.old.test", "name these"},
		{"delegation in part", func(w *world) {
			w.above = map[string]string{"192.0.2.53:53": "example.com. 60 IN NS ns-1.awsdns.test."}
		}, "route53: zone example.com", report.Failed, "delegated to ns-1.awsdns.test", "ns-2.awsdns.test"},
		{"the zones above do not answer", func(w *world) { w.above = nil }, "route53: zone example.com", report.OK, "delegated to it by this machine's resolver", ""},
		{"the spare leads", func(w *world) { w.token.zone.Servers = []string{"ns-1.awsdns.test", "ns-2.awsdns.test"} }, "cloudflare: zone example.com", report.Warning, "it is the spare", "delegate it to route53"},
		{"no spare zone", func(w *world) { w.token.zoneErr = ErrNoZone }, "cloudflare: zone example.com", report.Failed, "cloudflare has no Cloudflare zone", "add the zone example.com"},
		{"health checks used up", func(w *world) { w.account.checks = [2]int{200, 198}; w.opts.Deployed = nil }, "route53: health checks", report.Failed,
			"takes 3 health checks, and 198 of the account's 200 are in use", "L-ACB674F3"},
		{"health checks used up, by the stack too", func(w *world) { w.account.checks = [2]int{200, 198} }, "route53: health checks", report.OK, "198 of the account's 200", ""},
		{"fewer health checks than are wanted", func(w *world) { w.account.checks = [2]int{2, 0} }, "route53: health checks", report.Failed, "takes 3 health checks, and the account has 2", "ask for more"},
		{"profiles used up", func(w *world) {
			w.opts.Settings.Manager, w.opts.Deployed, w.sub.profiles = "trafficmanager", nil, 199
		}, "trafficmanager: profiles", report.Failed, "takes 3 profiles, and 199 of the account's 200 are in use", "support request"},
		{"a zone that does not fit", func(w *world) {
			w.opts.Fit = func(z CloudflareZone) error {
				return errors.Join(errors.New(z.Plan+" is small"), errors.New("and slow"))
			}
		}, "cloudflare: plan of example.com", report.Failed, "pro is small; and slow", "another plan"},
		{"a spare that is pending", func(*world) {}, "cloudflare: plan of example.com", report.OK, "plan pro, pending: its servers answer, with the first region until the zone is active", ""},
		{"a manager that is pending", func(w *world) { w.opts.Settings.Manager, w.opts.Settings.Spare = "cloudflare", "" }, "cloudflare: plan of example.com", report.Failed,
			"the zone is pending", "/zones/Z1/activation_check"},
		{"pools used up", func(w *world) { w.token.pools = [2]int{18, 1}; w.opts.Deployed = nil }, "cloudflare: plan of example.com", report.Failed, "takes 3 pools, and 18 of the account's 20", "Enterprise"},
		{"endpoints used up", func(w *world) { w.token.pools = [2]int{1, 18}; w.opts.Deployed = nil }, "cloudflare: plan of example.com", report.Failed, "takes 3 endpoints, and 18 of the account's 20", "Enterprise"},
		{"pools of an enterprise", func(w *world) { w.token.pools = [2]int{50, 50}; w.opts.Deployed, w.token.zone.Plan = nil, "enterprise" }, "cloudflare: plan of example.com", report.OK, "plan enterprise", ""},
		{"an add-on", func(w *world) { w.opts.Settings.Steering = "geo" }, "cloudflare: plan of example.com", report.Warning, "steering by geo wants the Traffic Steering add-on", "Manage subscription"},
		{"no zone at Azure", func(w *world) {
			w.opts.Settings.Manager, w.sub.zoneErr = "trafficmanager", ErrNoZone
			w.opts.Settings.TrafficManager.ZoneGroup = "dns"
		}, "trafficmanager: zone example.com", report.Failed, "azure has no Azure DNS zone", "az network dns zone create --resource-group dns"},
		{"no project access", func(w *world) { w.project.err = errors.New("403 Forbidden: no") }, "gcp: regions", report.Failed, "403 Forbidden", "cloudfunctions.locations.list"},
		{"an API is off", func(w *world) { w.project.services = w.project.services[:1] }, "gcp: APIs of p", report.Failed, "not enabled: compute.googleapis.com", "gcloud services enable --project p compute.googleapis.com"},
		{"a region Google closed", func(w *world) { w.project.location = nil }, "gcp: regions", report.Failed, "not open to the project: usc1", "functions regions list"},
		{"no room for a balancer", func(w *world) { w.project.quotas[0].Usage = 10; w.opts.Deployed = nil }, "gcp: quotas of p", report.Failed, "adds 1 load balancer; URL_MAPS: 10 of 10 are taken", "quotas"},
		{"sharing restricted by domain", func(w *world) { w.project.restricted = map[string]bool{memberDomains: true} }, "gcp: sharing of p", report.Failed,
			"restricts sharing by iam.allowedPolicyMemberDomains, and refuses the grant", `projects/p/policies/iam.allowedPolicyMemberDomains\nspec: {rules: [{allowAll: true}]}`},
		{"sharing restricted by the managed constraint", func(w *world) { w.project.restricted = map[string]bool{managedMembers: true} }, "gcp: sharing of p", report.Failed,
			"restricts sharing by iam.managed.allowedPolicyMembers, and refuses the grant", `projects/p/policies/iam.managed.allowedPolicyMembers\nspec: {rules: [{enforce: false}]}`},
		{"sharing restricted by both", func(w *world) { w.project.restricted = map[string]bool{memberDomains: true, managedMembers: true} }, "gcp: sharing of p", report.Failed,
			"by iam.allowedPolicyMemberDomains and by iam.managed.allowedPolicyMembers", "enforce: false"},
		{"one constraint in the way, and one nobody may read", func(w *world) {
			w.project.restricted, w.project.policyErr = map[string]bool{memberDomains: true}, map[string]error{managedMembers: errors.New("403 Forbidden: no")}
		}, "gcp: sharing of p", report.Failed, "whether iam.managed.allowedPolicyMembers is set could not be read: 403 Forbidden", "allowAll: true"},
		{"a policy nobody may read", func(w *world) { w.project.policyErr = map[string]error{memberDomains: errors.New("403 Forbidden: no")} }, "gcp: sharing of p", report.Warning,
			"whether iam.allowedPolicyMemberDomains is set could not be read: 403 Forbidden", "orgpolicy.policy.get"},
		{"a managed policy nobody may read", func(w *world) {
			w.project.policyErr = map[string]error{managedMembers: errors.New("403 Forbidden: no")}
		}, "gcp: sharing of p", report.Warning,
			"whether iam.managed.allowedPolicyMembers is set could not be read: 403 Forbidden", "whether iam.managed.allowedPolicyMembers is set for the project"},
		{"the policies' API is off", func(w *world) {
			w.project.policyErr = map[string]error{managedMembers: &refusal{403, "Organization Policy API has not been used in project 1", "SERVICE_DISABLED"}}
		}, "gcp: sharing of p", report.Warning, "iam.managed.allowedPolicyMembers is set could not be read: 403 Forbidden: Organization Policy API", "gcloud services enable --project p orgpolicy.googleapis.com"},
		{"phases that are free", func(w *world) {
			w.proxied()
			w.token.rulesets = w.token.rulesets[:1]
		}, "cloudflare: rulesets of example.com", report.OK, "free: http_request_late_transform, http_config_settings", ""},
		{"phases that are taken", func(w *world) { w.proxied() }, "cloudflare: rulesets of example.com", report.Failed,
			`taken are http_config_settings, by "default"; http_request_late_transform, by "headers"`, "curl -X DELETE -H \"Authorization: Bearer $CLOUDFLARE_API_TOKEN\" https://api.cloudflare.com/client/v4/zones/Z1/rulesets/r1`"},
		{"phases to be imported", func(w *world) { w.proxied() }, "cloudflare: rulesets of example.com", report.Failed, "", "cloudflare:index/ruleset:Ruleset <its name> zones/Z1/r2`"},
		{"taken, and deployed without the proxy", func(w *world) {
			deployed := w.opts.Deployed
			w.proxied()
			w.opts.Deployed, deployed.Details = deployed, map[string]string{"proxied": "false"}
		}, "cloudflare: rulesets of example.com", report.Failed, "http_config_settings", "http_config_settings: take its rules out"},
		{"taken by what is deployed", func(w *world) {
			deployed := w.opts.Deployed
			w.proxied()
			w.opts.Deployed, deployed.Details = deployed, map[string]string{"proxied": "true"}
		}, "cloudflare: rulesets of example.com", report.OK, "the stack's own", ""},
		{"rulesets nobody may read", func(w *world) {
			w.proxied()
			w.token.rulesetsErr = errors.New("403 Forbidden: Authentication error")
		}, "cloudflare: rulesets of example.com", report.Warning, "403 Forbidden: Authentication error", "Zone: Config Settings and Zone: Zone Transform Rules"},
		{"taken, and none of the stack's", func(w *world) { w.proxied(); w.opts.Phases = nil }, "cloudflare: rulesets of example.com", report.Skipped, "not behind Cloudflare's proxy", ""},
		{"no room needed", func(w *world) { w.project.quotas[0].Usage = 10 }, "gcp: quotas of p", report.OK, "room for 0", ""},
		{"a provider is not registered", func(w *world) { w.sub.provider = nil }, "azure: resource providers", report.Failed, "not registered: Microsoft.Storage, Microsoft.Web",
			"az provider register --subscription s --namespace Microsoft.Storage"},
		{"no Flex here", func(w *world) { w.sub.locations = nil }, "azure: regions", report.Failed, "not sold with Flex Consumption: eastus", "list-flexconsumption-locations"},
		{"Flex used up", func(w *world) { w.sub.usages[0].Usage = 250 }, "azure: quotas in eastus", report.Failed, "250 of 250", "support request"},
		{"no quota told", func(w *world) { w.sub.usages = nil }, "azure: quotas in eastus", report.Skipped, "no quota", ""},
		{"CAA admits others", func(w *world) {
			w.records = append(w.records, `api.example.com. 60 IN CAA 0 issue "letsencrypt.org"`)
			w.records = remove(w.records, "api.example.com. 60 IN CNAME")
		}, "CAA of api.example.com", report.Failed, "that of api.example.com admits letsencrypt.org, and not the authorities of aws, cloudflare", "issue amazon.com, issue pki.goog"},
		{"CAA of a region's own name admits others", func(w *world) {
			w.records = append(w.records, `gcp.api.example.com. 60 IN CAA 0 issue "amazon.com"`)
		}, "CAA of api.example.com", report.Failed, "that of gcp.api.example.com admits amazon.com, and not the authorities of gcp", "add to the CAA records of gcp.api.example.com: issue pki.goog"},
		{"CAA of a region's own name admits its provider's", func(w *world) {
			w.records = append(w.records, `gcp.api.example.com. 60 IN CAA 0 issue "letsencrypt.org"`)
		}, "CAA of api.example.com", report.OK, "that of example.com, gcp.api.example.com admits the authorities in use", ""},
		{"CAA admits nobody", func(w *world) {
			w.records = remove(w.records, "example.com. 60 IN CAA")
			w.records = append(w.records, `example.com. 60 IN CAA 0 issue ";"`)
		}, "CAA of api.example.com", report.Failed, "and not the authorities of aws, gcp, cloudflare", "amazon.com"},
		{"a resolver without the internet", func(w *world) {
			w.records = remove(remove(w.records, "example.com. 60 IN CAA"), "com. 60 IN NS")
		}, "CAA of api.example.com", report.Failed, "does not know the internet's", "resolve names"},
		{"no CAA", func(w *world) { w.records = remove(w.records, "example.com. 60 IN CAA") }, "CAA of api.example.com", report.OK, "every authority may issue", ""},
		{"a name is gone", func(w *world) { w.without("use1.aws.api.example.com") }, "name use1.aws.api.example.com", report.Failed, "there is no such name", "polygate up"},
		{"a name leads elsewhere", func(w *world) {
			w.without("usc1.gcp.api.example.com")
			w.records = append(w.records, "usc1.gcp.api.example.com. 60 IN A 192.0.2.99")
		}, "name usc1.gcp.api.example.com", report.Failed, "leads to 192.0.2.99, and gcp/usc1 was deployed as 192.0.2.1", "polygate up"},
		{"the shared name is gone", func(w *world) { w.without("api.example.com") }, "name api.example.com", report.Failed, "there is no such name", "polygate up"},
		{"the shared name leads elsewhere", func(w *world) {
			w.without("api.example.com")
			w.records = append(w.records, "api.example.com. 60 IN CNAME old.test.", "old.test. 60 IN A 192.0.2.7")
		}, "name api.example.com", report.Failed, "leads to old.test -> 192.0.2.7, which is none", "polygate up"},
		{"Cloudflare leads to a region", func(w *world) {
			w.without("api.example.com")
			w.records = append(w.records, "api.example.com. 60 IN A 192.0.2.1")
		}, "name api.example.com", report.OK, "leads to gcp/usc1", ""},
		{"Cloudflare leads by another address", func(w *world) {
			w.without("api.example.com")
			w.records = append(w.records, "api.example.com. 60 IN A 192.0.2.7")
		}, "name api.example.com", report.OK, "leads to 192.0.2.7, by Cloudflare", ""},
		{"a certificate of another authority", func(w *world) { w.opts.Roots = nil }, "certificates of aws/use1", report.Failed, "for use1.aws.api.example.com:", "renew it"},
		{"a certificate that expires soon", func(w *world) {
			later := time.Now().Add(pkiLifetime - 10*24*time.Hour)
			w.opts.Now = func() time.Time { return later }
		}, "certificates of aws/use1", report.Warning, "9 days left", "renew it"},
		{"an expired certificate", func(w *world) {
			later := time.Now().Add(pkiLifetime + time.Hour)
			w.opts.Now = func() time.Time { return later }
		}, "certificates of aws/use1", report.Failed, "expired", "renew it"},
		{"nothing deployed", func(w *world) { w.opts.Deployed = nil }, "names and certificates", report.Skipped, "nothing is deployed", ""},
		{"not connected in time", func(w *world) {
			w.opts.Timeout = 50 * time.Millisecond
			w.opts.Clouds.AWS = func(ctx context.Context) (AWS, error) { <-ctx.Done(); <-t.Context().Done(); return nil, ctx.Err() }
		}, "aws: credentials", report.Failed, "no answer", "log in"},
		{"credentials that have run out", func(w *world) {
			w.account.who = fmt.Errorf("%w that AWS takes: ExpiredToken: it is over", ErrNoCredentials)
		}, "aws: credentials", report.Failed, "ExpiredToken", "aws sso login"},
		{"another's subscription", func(w *world) { w.sub.who = &refusal{404, "The subscription 's' could not be found.", ""} }, "azure: credentials", report.Failed,
			"there is no subscription s for these credentials", "azure-native:subscriptionId"},
		{"a subscription one may not read", func(w *world) { w.sub.who = &refusal{403, "no authorization", ""} }, "azure: credentials", report.Failed,
			"403 Forbidden: no authorization", "allowed to read the subscription s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(t)
			c.wreck(w)
			r := Run(t.Context(), w.opts)
			for _, got := range r.Checks {
				if got.Name != c.check {
					continue
				}
				if got.Result != c.result || !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Remedy, c.remedy) {
					t.Errorf("%+v, want %s, %q and %q", got, c.result, c.detail, c.remedy)
				}
				if (got.Remedy != "") != (got.Result == report.Failed || got.Result == report.Warning) {
					t.Errorf("%+v: want a remedy when it is not ok, and then only", got)
				}
				return
			}
			t.Errorf("there is no check %q", c.check)
		})
	}
}

// pkiLifetime is how long the test authority's certificates are valid.
const pkiLifetime = 397 * 24 * time.Hour

// A cause is named once: without credentials one check of a cloud says so and how to log in, and the others of that cloud say which.
// Clouds with credentials are looked at all the same.
func TestNoCredentials(t *testing.T) {
	none := func(cloud string) error { return fmt.Errorf("%w for %s", ErrNoCredentials, cloud) }
	login := map[string]string{"aws": "aws sso login", "gcp": "gcloud auth", "azure": "az login", "cloudflare": "CLOUDFLARE_API_TOKEN"}
	for name, c := range map[string]struct {
		lacking []string
		skipped int
	}{
		"for none":              {[]string{"aws", "gcp", "azure", "cloudflare"}, 14},
		"for one only":          {[]string{"gcp", "azure", "cloudflare"}, 10},
		"for all but Azure":     {[]string{"azure"}, 3},
		"for all but a manager": {[]string{"cloudflare"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			for _, cloud := range c.lacking {
				switch cloud {
				case "aws":
					w.opts.Clouds.AWS = func(context.Context) (AWS, error) { return nil, none("AWS") }
				case "gcp":
					w.opts.Clouds.Google = func(context.Context) (Google, error) { return nil, none("Google Cloud") }
				case "azure": // which is found out when a token is asked for
					w.sub.who, w.sub.err = none("Azure"), errors.New("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:")
				case "cloudflare":
					w.opts.Clouds.Cloudflare = func(context.Context) (Cloudflare, error) { return nil, none("Cloudflare") }
				}
			}
			r := Run(t.Context(), w.opts)
			skipped := 0
			var failed []string
			for _, got := range r.Checks {
				switch got.Result {
				case report.Failed:
					cloud, what, _ := strings.Cut(got.Name, ": ")
					failed = append(failed, cloud)
					if what != "credentials" || !strings.Contains(got.Detail, "no credentials") || !strings.Contains(got.Remedy, login[cloud]) {
						t.Errorf("%+v", got)
					}
				case report.Skipped:
					if got.Detail == "the stack is not behind Cloudflare's proxy, and makes none" {
						continue // which wants no credentials
					}
					skipped++
					if !strings.HasPrefix(got.Detail, "not looked at: ") || !strings.HasSuffix(got.Detail, ": credentials first") || got.Remedy != "" {
						t.Errorf("%+v", got)
					}
				}
			}
			if diff := cmp.Diff(c.lacking, failed); diff != "" || skipped != c.skipped {
				t.Errorf("%d are skipped, want %d; failed (-want +got):\n%s", skipped, c.skipped, diff)
			}
		})
	}
}

// On local clouds there is no account, and their own DNS is asked.
func TestLocal(t *testing.T) {
	w := healthy(t)
	w.opts.Local, w.opts.Clouds = true, Clouds{}
	w.records = remove(w.records, "example.com. 60 IN CAA")
	w.opts.Resolve = func(ctx context.Context, q *dns.Msg, server string) (*dns.Msg, error) {
		if name := q.Question[0].Name; q.Question[0].Qtype == dns.TypeCAA && !strings.HasSuffix(name, "example.com.") {
			return new(dns.Msg).SetRcode(q, dns.RcodeRefused), nil
		}
		return w.resolve(ctx, q, server)
	}
	r := Run(t.Context(), w.opts)
	if r.Result != report.OK || r.Checks[1].Name != "zone example.com" || r.Checks[1].Detail != "answered, by ns-1.awsdns.test, ns-2.awsdns.test" {
		t.Errorf("%+v", r)
	}
	w.records = remove(w.records, "example.com. 60 IN NS")
	if r := Run(t.Context(), w.opts); r.Checks[1].Result != report.Failed || r.Checks[1].Detail != "the local DNS has no such zone" {
		t.Errorf("without the zone: %+v", r.Checks[1])
	}
	w.opts.Resolve, w.opts.Deployed = nil, nil
	if r := Run(t.Context(), w.opts); r.Result != report.OK || r.Checks[0].Result != report.Skipped {
		t.Errorf("without local clouds: %+v", r)
	}
}
