package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"polygate.example/tools/internal/credential"
)

// googleScope is the one scope all of Google Cloud's APIs take.
const googleScope = "https://www.googleapis.com/auth/cloud-platform"

// alphabet asks Google Cloud by its REST APIs.
type alphabet struct {
	rest
	who      string
	quota    string                  // project that a person's questions are counted on, "" for the credentials' own
	endpoint func(api string) string // where an API is: https://run.googleapis.com
}

// NewGoogle finds application default credentials, as Pulumi's provider does.
func NewGoogle(ctx context.Context) (Google, error) {
	c, err := google.FindDefaultCredentials(ctx, googleScope)
	if err != nil {
		return nil, fmt.Errorf("%w for Google Cloud", ErrNoCredentials)
	}
	return newAlphabet(ctx, c, func(api string) string { return "https://" + api }), nil
}

func newAlphabet(ctx context.Context, c *google.Credentials, endpoint func(string) string) alphabet {
	// The file says whose they are; it is read for that alone.
	var file struct {
		ClientEmail string `json:"client_email"`
		Type        string `json:"type"`
		Quota       string `json:"quota_project_id"`
	}
	who := "the machine's own account"
	if json.Unmarshal(c.JSON, &file) == nil {
		switch {
		case file.ClientEmail != "":
			who = file.ClientEmail
		case file.Type != "":
			who = file.Type
		}
	}
	return alphabet{rest{client: oauth2.NewClient(ctx, c.TokenSource)}, who, file.Quota, endpoint}
}

func (g alphabet) Identity(context.Context) (string, error) {
	t, ok := g.client.Transport.(*oauth2.Transport)
	if !ok {
		return g.who, nil
	}
	if _, err := t.Source.Token(); err != nil {
		return "", fmt.Errorf("%w for Google Cloud: no token for %s", ErrNoCredentials, g.who)
	}
	return g.who, nil
}

func (g alphabet) Locations(ctx context.Context, project string) ([]string, error) {
	var out []string
	err := g.pages(ctx, g.endpoint("cloudfunctions.googleapis.com")+"/v2/projects/"+url.PathEscape(project)+"/locations?pageSize=200", func(page json.RawMessage) error {
		var doc struct {
			Locations []struct{ LocationID string }
		}
		err := json.Unmarshal(page, &doc)
		for _, l := range doc.Locations {
			out = append(out, l.LocationID)
		}
		return err
	})
	return out, err
}

func (g alphabet) Services(ctx context.Context, project string) ([]string, error) {
	var out []string
	err := g.pages(ctx, g.endpoint("serviceusage.googleapis.com")+"/v1/projects/"+url.PathEscape(project)+"/services?filter=state:ENABLED&pageSize=200", func(page json.RawMessage) error {
		var doc struct {
			Services []struct{ Config struct{ Name string } }
		}
		err := json.Unmarshal(page, &doc)
		for _, s := range doc.Services {
			out = append(out, s.Config.Name)
		}
		return err
	})
	return out, err
}

func (g alphabet) Quotas(ctx context.Context, project string) ([]Quota, error) {
	var doc struct{ Quotas []Quota }
	err := g.get(ctx, g.endpoint("compute.googleapis.com")+"/compute/v1/projects/"+url.PathEscape(project), &doc)
	return doc.Quotas, err
}

// Restricted asks for the policy in effect, the organisation's and the folders' merged.
func (g alphabet) Restricted(ctx context.Context, project, constraint string) (bool, error) {
	if constraint == managedMembers {
		return g.managed(ctx, project)
	}
	// Source: "Method: projects.getEffectiveOrgPolicy", cloud.google.com/resource-manager/reference/rest/v1/projects/getEffectiveOrgPolicy;
	// "ListPolicy" there: named values, or all of them allowed or denied.
	var doc struct {
		ListPolicy struct {
			AllValues     string
			AllowedValues []string
		}
	}
	err := g.post(ctx, g.endpoint("cloudresourcemanager.googleapis.com")+"/v1/projects/"+url.PathEscape(project)+":getEffectiveOrgPolicy",
		map[string]string{"constraint": "constraints/" + constraint}, &doc)
	return len(doc.ListPolicy.AllowedValues) > 0 || doc.ListPolicy.AllValues == "DENY", err
}

// everybody is what may call a function without an identity, as IAM writes it.
const everybody = "allUsers"

// managed is Restricted by the managed constraint, which is none where there is no policy for it. Sources: "Method:
// projects.policies.getEffectivePolicy" (conditions are evaluated already) and "PolicySpec", PolicyRule,
// docs.cloud.google.com/organization-policy/reference/rest/v2/projects.policies; for its parameters, docs.cloud.google.com/organization-policy/restrict-domains.
func (g alphabet) managed(ctx context.Context, project string) (bool, error) {
	var doc struct {
		Spec struct {
			Rules []struct {
				Enforce    bool
				Parameters struct{ AllowedMemberSubjects, AllowedPrincipalSets []string }
			}
		}
	}
	// This API wants to know on whom to count a person's questions. Google's own libraries say it as well where the credentials do.
	// Source: "Set the quota project using a REST request", docs.cloud.google.com/docs/quotas/set-quota-project.
	counted := g.rest
	if g.quota != "" {
		counted.header = http.Header{"X-Goog-User-Project": {g.quota}}
	}
	err := counted.get(ctx, g.endpoint("orgpolicy.googleapis.com")+"/v2/projects/"+url.PathEscape(project)+"/policies/"+managedMembers+":getEffectivePolicy", &doc)
	if missing(err) {
		return false, nil
	}
	for _, r := range doc.Spec.Rules {
		if r.Enforce && !slices.Contains(slices.Concat(r.Parameters.AllowedMemberSubjects, r.Parameters.AllowedPrincipalSets), everybody) {
			return true, err
		}
	}
	return false, err
}

// pages reads a list to its end.
func (g alphabet) pages(ctx context.Context, first string, take func(json.RawMessage) error) error {
	at := first
	for at != "" {
		var page json.RawMessage
		if err := g.get(ctx, at, &page); err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		var next struct{ NextPageToken string }
		if err := json.Unmarshal(page, &next); err != nil {
			return err
		}
		at = ""
		if next.NextPageToken != "" {
			at = first + "&pageToken=" + url.QueryEscape(next.NextPageToken)
		}
	}
	return nil
}

// cloudflareAPI asks Cloudflare.
type cloudflareAPI struct {
	rest
	base string
}

// NewCloudflare uses the API token that Pulumi's provider takes from the environment.
func NewCloudflare(getenv func(string) string) (Cloudflare, error) {
	token, err := credential.Cloudflare(getenv)
	if err != nil {
		return nil, err
	}
	return newCloudflare(token, "https://api.cloudflare.com/client/v4"), nil
}

func newCloudflare(token, base string) cloudflareAPI {
	return cloudflareAPI{rest{client: &http.Client{}, header: http.Header{"Authorization": {"Bearer " + token}}}, base}
}

func (c cloudflareAPI) Identity(ctx context.Context) (string, error) {
	var doc struct{ Result struct{ Status string } }
	if err := c.get(ctx, c.base+"/user/tokens/verify", &doc); err != nil {
		return "", err
	}
	if doc.Result.Status != "active" {
		return "", fmt.Errorf("the token is %s", doc.Result.Status)
	}
	return "an active API token", nil
}

func (c cloudflareAPI) Zone(ctx context.Context, name string) (CloudflareZone, error) {
	var doc struct {
		Result []struct {
			ID, Name, Type, Status string
			NameServers            []string `json:"name_servers"`
			Account                struct{ ID string }
			Plan                   struct {
				LegacyID string `json:"legacy_id"`
			}
		}
	}
	if err := c.get(ctx, c.base+"/zones?name="+url.QueryEscape(name), &doc); err != nil {
		return CloudflareZone{}, err
	}
	for _, z := range doc.Result {
		if strings.EqualFold(z.Name, name) {
			return CloudflareZone{Servers: z.NameServers, ID: z.ID, Account: z.Account.ID, Setup: z.Type, Status: z.Status, Plan: z.Plan.LegacyID}, nil
		}
	}
	return CloudflareZone{}, ErrNoZone
}

func (c cloudflareAPI) Pools(ctx context.Context, account string) (pools, endpoints int, err error) {
	var doc struct {
		Result []struct{ Origins []struct{ Name string } }
	}
	if err := c.get(ctx, c.base+"/accounts/"+url.PathEscape(account)+"/load_balancers/pools", &doc); err != nil {
		return 0, 0, err
	}
	for _, p := range doc.Result {
		pools, endpoints = pools+1, endpoints+len(p.Origins)
	}
	return pools, endpoints, nil
}

// Rulesets leaves out those that Cloudflare manages, and custom ones, which a zone's own execute. The list comes in pages with a cursor,
// which Cloudflare writes in either of two ways. Sources: "View rulesets", kind, developers.cloudflare.com/ruleset-engine/basic-operations/
// view-rulesets; "List zone rulesets", developers.cloudflare.com/api/resources/rulesets/methods/list; CursorPagination and
// CursorPaginationAfter of cloudflare/cloudflare-go, packages/pagination.
func (c cloudflareAPI) Rulesets(ctx context.Context, zone string) ([]Ruleset, error) {
	var out []Ruleset
	query := url.Values{"per_page": {"50"}}
	for {
		var doc struct {
			Result     []struct{ ID, Name, Kind, Phase string }
			ResultInfo struct {
				Cursor  string
				Cursors struct{ After string }
			} `json:"result_info"`
		}
		if err := c.get(ctx, c.base+"/zones/"+url.PathEscape(zone)+"/rulesets?"+query.Encode(), &doc); err != nil {
			return nil, err
		}
		for _, r := range doc.Result {
			if r.Kind == "zone" {
				out = append(out, Ruleset{ID: r.ID, Name: r.Name, Phase: r.Phase})
			}
		}
		next := cmp.Or(doc.ResultInfo.Cursors.After, doc.ResultInfo.Cursor)
		if next == "" || next == query.Get("cursor") {
			return out, nil
		}
		query.Set("cursor", next)
	}
}

var (
	_ Google     = alphabet{}
	_ Cloudflare = cloudflareAPI{}
)
