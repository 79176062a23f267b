package doctor

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/aws/smithy-go/logging"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2/google"
)

// api answers by method and path, or path and query, and notes what it was asked.
func api(t *testing.T, answers map[string]string) (url string, asked *[]*http.Request) {
	t.Helper()
	asked = &[]*http.Request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r)
		answer, ok := answers[r.URL.RequestURI()]
		if !ok {
			answer, ok = answers[r.URL.Path]
		}
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error": {"message": "not allowed: `+r.URL.Path+`"}, "message": "not allowed"}`)
			return
		}
		if answer == "missing" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}}`)
			return
		}
		if text, disabled := strings.CutPrefix(answer, "disabled "); disabled {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, text)
			return
		}
		if strings.HasPrefix(answer, "<") {
			w.Header().Set("Content-Type", "text/xml")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// awsEnvironment is all that the SDK looks at.
func awsEnvironment(t *testing.T, endpoint string) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
	} {
		t.Setenv(name, value)
	}
}

func TestAWS(t *testing.T) {
	url, asked := api(t, map[string]string{
		"/":                            `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		"/listRegions":                 `{"Regions": [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}, {"RegionName": "ap-east-1", "RegionOptStatus": "ENABLED"}]}`,
		"/2016-08-19/account-settings": `{"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}`,
		"/2013-04-01/hostedzonesbyname": `<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>
			<HostedZone><Id>/hostedzone/Z0</Id><Name>example.com.</Name><CallerReference>x</CallerReference><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
			<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones>
			<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>`,
		"/2013-04-01/accountlimit/MAX_HEALTH_CHECKS_BY_OWNER": `<GetAccountLimitResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
			<Limit><Type>MAX_HEALTH_CHECKS_BY_OWNER</Type><Value>200</Value></Limit><Count>12</Count></GetAccountLimitResponse>`,
		"/2013-04-01/hostedzone/Z1": `<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name>
			<CallerReference>x</CallerReference></HostedZone><DelegationSet><NameServers><NameServer>ns-1.awsdns.test</NameServer></NameServers></DelegationSet></GetHostedZoneResponse>`,
	})
	awsEnvironment(t, url)
	a, err := NewAWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if arn, err := a.Identity(t.Context()); arn != "arn:aws:iam::1:user/me" || err != nil {
		t.Errorf("identity %s, %v", arn, err)
	}
	regions, err := a.Regions(t.Context())
	if diff := cmp.Diff([]string{"us-east-1", "ap-east-1"}, regions); diff != "" || err != nil {
		t.Errorf("regions, %v:\n%s", err, diff)
	}
	if limit, unreserved, err := a.Concurrency(t.Context(), "eu-west-1"); limit != 1000 || unreserved != 900 || err != nil {
		t.Errorf("concurrency %d, %d, %v", limit, unreserved, err)
	}
	if got := (*asked)[len(*asked)-1].Header.Get("Authorization"); !strings.Contains(got, "/eu-west-1/lambda/") {
		t.Errorf("Lambda was asked as %q: want the region's", got)
	}
	servers, err := a.Zone(t.Context(), "example.com")
	if diff := cmp.Diff([]string{"ns-1.awsdns.test"}, servers); diff != "" || err != nil {
		t.Errorf("name servers, %v:\n%s", err, diff)
	}
	if limit, used, err := a.HealthChecks(t.Context()); limit != 200 || used != 12 || err != nil {
		t.Errorf("health checks %d, %d, %v", limit, used, err)
	}
	if _, err := a.Zone(t.Context(), "other.example"); !errors.Is(err, ErrNoZone) {
		t.Errorf("a zone that is not there: %v", err)
	}
}

func TestAWSWithoutCredentials(t *testing.T) {
	awsEnvironment(t, "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := NewAWS(t.Context(), ""); !errors.Is(err, ErrNoCredentials) || strings.Contains(err.Error(), "\n") {
		t.Errorf("none: %v", err)
	}
	if _, err := NewAWS(t.Context(), "nobody"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("an unknown profile: %v", err)
	}
}

// Keys that AWS does not take are no credentials, and nothing is written beside the report.
func TestAWSDoesNotTakeThem(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>ExpiredToken</Code><Message>it is over</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(s.Close)
	awsEnvironment(t, s.URL)
	a, err := NewAWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Identity(t.Context()); !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "ExpiredToken: it is over") {
		t.Errorf("identity: %v", err)
	}
	s.Close()
	if _, err := a.Identity(t.Context()); err == nil || errors.Is(err, ErrNoCredentials) {
		t.Errorf("without an answer: %v", err)
	}
	if _, quiet := a.(amazon).config.Logger.(logging.Nop); !quiet {
		t.Errorf("the SDK writes to %T", a.(amazon).config.Logger)
	}
}

// managed is where the policy is that a project has for the managed constraint.
func managed(project string) string {
	return "/v2/projects/" + project + "/policies/iam.managed.allowedPolicyMembers:getEffectivePolicy"
}

// A person's credentials say which project their questions are counted on.
func TestGoogleQuotaProject(t *testing.T) {
	c := &google.Credentials{JSON: []byte(`{"type": "authorized_user", "quota_project_id": "mine"}`)}
	if g := newAlphabet(t.Context(), c, nil); g.quota != "mine" {
		t.Errorf("counted on %q", g.quota)
	}
}

// keyFile is a service account's, whose tokens are had from a server.
func keyFile(t *testing.T, tokens string) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "deployer@p.iam.test", "private_key_id": "1", "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoogle(t *testing.T) {
	url, asked := api(t, map[string]string{
		"/token":                   `{"access_token": "t1", "token_type": "Bearer", "expires_in": 3600}`,
		"/v2/projects/p/locations": `{"locations": [{"locationId": "us-central1"}, {"locationId": "europe-west1"}]}`,
		"/v1/projects/p/services?filter=state:ENABLED&pageSize=200":                 `{"services": [{"config": {"name": "run.googleapis.com"}}], "nextPageToken": "n+1"}`,
		"/v1/projects/p/services?filter=state:ENABLED&pageSize=200&pageToken=n%2B1": `{"services": [{"config": {"name": "compute.googleapis.com"}}]}`,
		"/compute/v1/projects/p":                  `{"quotas": [{"metric": "URL_MAPS", "limit": 10, "usage": 3}]}`,
		"/v1/projects/p:getEffectiveOrgPolicy":    `{"constraint": "constraints/iam.allowedPolicyMemberDomains", "listPolicy": {"allValues": "ALLOW"}}`,
		"/v1/projects/q:getEffectiveOrgPolicy":    `{"constraint": "constraints/iam.allowedPolicyMemberDomains", "listPolicy": {"allowedValues": ["is:C03xgje4y"]}}`,
		"/v1/projects/deny:getEffectiveOrgPolicy": `{"constraint": "constraints/iam.allowedPolicyMemberDomains", "listPolicy": {"allValues": "DENY"}}`,
		managed("p"):    `{"name": "projects/1/policies/iam.managed.allowedPolicyMembers", "spec": {"rules": [{"enforce": false}]}}`,
		managed("q"):    `{"spec": {"rules": [{"enforce": true, "parameters": {"allowedPrincipalSets": ["//cloudresourcemanager.googleapis.com/organizations/1"]}}]}}`,
		managed("deny"): `{"spec": {"rules": [{"enforce": true}]}}`,
		managed("all"):  `{"spec": {"rules": [{"enforce": true, "parameters": {"allowedMemberSubjects": ["user:me@example.com", "allUsers"]}}]}}`,
		managed("none"): `{"spec": {}}`,
		managed("new"):  "missing",
		managed("odd"):  `{"spec": {"rules": [{"enforce": true, "parameters": {"allowedMemberSubjects": "allUsers"}}]}}`,
		managed("off"): `disabled {"error": {"code": 403, "message": "Organization Policy API has not been used in project 1 before or it is disabled.", "status": "PERMISSION_DENIED", "details": [
			{"@type": "type.googleapis.com/google.rpc.Help", "links": []},
			{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": {"service": "orgpolicy.googleapis.com", "consumer": "projects/1"}}]}}`,
	})
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, keyFile(t, url+"/token"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	connected, err := NewGoogle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, ok := connected.(alphabet)
	if !ok || g.endpoint("run.googleapis.com") != "https://run.googleapis.com" {
		t.Fatalf("connected to %T", connected)
	}
	g.endpoint = func(string) string { return url }
	if who, err := g.Identity(t.Context()); who != "deployer@p.iam.test" || err != nil {
		t.Errorf("identity %s, %v", who, err)
	}
	locations, err := g.Locations(t.Context(), "p")
	if diff := cmp.Diff([]string{"us-central1", "europe-west1"}, locations); diff != "" || err != nil {
		t.Errorf("locations, %v:\n%s", err, diff)
	}
	if got := (*asked)[len(*asked)-1].Header.Get("Authorization"); got != "Bearer t1" {
		t.Errorf("asked with %q", got)
	}
	services, err := g.Services(t.Context(), "p")
	if diff := cmp.Diff([]string{"run.googleapis.com", "compute.googleapis.com"}, services); diff != "" || err != nil {
		t.Errorf("services of both pages, %v:\n%s", err, diff)
	}
	quotas, err := g.Quotas(t.Context(), "p")
	if diff := cmp.Diff([]Quota{{"URL_MAPS", 10, 3}}, quotas); diff != "" || err != nil {
		t.Errorf("quotas, %v:\n%s", err, diff)
	}
	for project, want := range map[string]bool{"p": false, "q": true, "deny": true} {
		if restricted, err := g.Restricted(t.Context(), project, memberDomains); restricted != want || err != nil {
			t.Errorf("sharing of %s is restricted: %t, %v", project, restricted, err)
		}
	}
	if last := (*asked)[len(*asked)-1]; last.Method != http.MethodPost || last.Header.Get("Content-Type") != "application/json" {
		t.Errorf("asked for a policy by %s %q", last.Method, last.Header.Get("Content-Type"))
	}
	for project, want := range map[string]bool{"p": false, "q": true, "deny": true, "all": false, "none": false, "new": false} {
		if restricted, err := g.Restricted(t.Context(), project, managedMembers); restricted != want || err != nil {
			t.Errorf("sharing of %s is restricted by the managed constraint: %t, %v", project, restricted, err)
		}
	}
	if last := (*asked)[len(*asked)-1]; last.Method != http.MethodGet || last.Header.Get("X-Goog-User-Project") != "" {
		t.Errorf("asked for a managed policy by %s on account of %q", last.Method, last.Header.Get("X-Goog-User-Project"))
	}
	for _, constraint := range []string{memberDomains, managedMembers} {
		if _, err := g.Restricted(t.Context(), "other", constraint); err == nil || disabled(err) {
			t.Errorf("a project whose policy for %s may not be read is taken as unrestricted: %v", constraint, err)
		}
	}
	if _, err := g.Restricted(t.Context(), "odd", managedMembers); err == nil {
		t.Error("a policy that is not understood is taken as none")
	}
	if _, err := g.Restricted(t.Context(), "off", managedMembers); !disabled(err) {
		t.Errorf("where the API is disabled: %v", err)
	}
	g.quota = "mine"
	if _, err := g.Restricted(t.Context(), "p", managedMembers); err != nil || (*asked)[len(*asked)-1].Header.Get("X-Goog-User-Project") != "mine" {
		t.Errorf("a person's questions are counted on %q, %v", (*asked)[len(*asked)-1].Header.Get("X-Goog-User-Project"), err)
	}
	if _, err := g.Quotas(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "403 Forbidden: not allowed: /compute/v1/projects/other") {
		t.Errorf("another project: %v", err)
	}
}

func TestGoogleWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	if _, err := NewGoogle(t.Context()); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("none: %v", err)
	}
	url, _ := api(t, nil) // which gives no token
	c, err := google.CredentialsFromJSONWithType(t.Context(), keyFile(t, url+"/token"), google.ServiceAccount, googleScope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newAlphabet(t.Context(), c, nil).Identity(t.Context()); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("a key that is no good: %v", err)
	}
}

// token is a credential that always works, or never.
type token struct{ err error }

func (f token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t1", ExpiresOn: time.Now().Add(time.Hour)}, f.err
}

// transport answers as Azure Resource Manager by path and query.
type transport map[string]string

func (t transport) Do(r *http.Request) (*http.Response, error) {
	status, answer := http.StatusOK, t[r.URL.RequestURI()]
	if answer == "" {
		status, answer = http.StatusNotFound, `{"error": {"code": "ResourceNotFound", "message": "not found: `+r.URL.Path+`"}}`
	}
	if r.Header.Get("Authorization") != "Bearer t1" {
		status, answer = http.StatusUnauthorized, `{}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func TestAzure(t *testing.T) {
	const sub = "/subscriptions/s"
	arm := transport{
		sub + "?api-version=2022-12-01":                                                        `{"displayName": "test", "state": "Enabled"}`,
		"/subscriptions/off?api-version=2022-12-01":                                            `{"displayName": "old", "state": "Disabled"}`,
		sub + "/providers/Microsoft.Web/geoRegions?api-version=2024-04-01&sku=FlexConsumption": `{"value": [{"name": "East US"}], "nextLink": "https://management.azure.com/next?page=2"}`,
		"/next?page=2": `{"value": [{"name": "West Europe"}]}`,
		sub + "/providers?api-version=2021-04-01":                                                           `{"value": [{"namespace": "Microsoft.Web", "registrationState": "Registered"}, {"namespace": "Microsoft.Storage", "registrationState": "NotRegistered"}]}`,
		sub + "/providers/Microsoft.Web/locations/eastus/usages?api-version=2024-11-01":                     `{"value": [{"name": {"value": "FlexCores"}, "currentValue": 3, "limit": 250}]}`,
		sub + "/providers/Microsoft.Network/trafficmanagerprofiles?api-version=2022-04-01":                  `{"value": [{"name": "a"}, {"name": "b"}]}`,
		sub + "/resourceGroups/dns/providers/Microsoft.Network/dnsZones/example.com?api-version=2018-05-01": `{"properties": {"nameServers": ["ns1.azure-dns.test."]}}`,
	}
	m := newMicrosoft(token{}, armEndpoint, &policy.ClientOptions{Transport: arm, Retry: policy.RetryOptions{MaxRetries: -1}})
	if name, err := m.Identity(t.Context(), "s"); name != "test" || err != nil {
		t.Errorf("identity %s, %v", name, err)
	}
	if _, err := m.Identity(t.Context(), "off"); err == nil || !strings.Contains(err.Error(), "old is Disabled") {
		t.Errorf("a subscription that is off: %v", err)
	}
	if _, err := m.Identity(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "404 Not Found: not found") {
		t.Errorf("a subscription that is not there: %v", err)
	}
	locations, err := m.FlexLocations(t.Context(), "s")
	if diff := cmp.Diff([]string{"eastus", "westeurope"}, locations); diff != "" || err != nil {
		t.Errorf("locations of both pages, %v:\n%s", err, diff)
	}
	providers, err := m.Providers(t.Context(), "s")
	if diff := cmp.Diff([]string{"Microsoft.Web"}, providers); diff != "" || err != nil {
		t.Errorf("resource providers, %v:\n%s", err, diff)
	}
	if n, err := m.Profiles(t.Context(), "s"); n != 2 || err != nil {
		t.Errorf("%d profiles, %v", n, err)
	}
	usages, err := m.Usages(t.Context(), "s", "eastus")
	if diff := cmp.Diff([]Quota{{"FlexCores", 250, 3}}, usages); diff != "" || err != nil {
		t.Errorf("usages, %v:\n%s", err, diff)
	}
	servers, err := m.Zone(t.Context(), "s", "dns", "example.com")
	if diff := cmp.Diff([]string{"ns1.azure-dns.test."}, servers); diff != "" || err != nil {
		t.Errorf("name servers, %v:\n%s", err, diff)
	}
	if _, err := m.Zone(t.Context(), "s", "dns", "other.example"); !errors.Is(err, ErrNoZone) {
		t.Errorf("a zone that is not there: %v", err)
	}
	if _, err := newMicrosoft(token{errors.New("a page of text")}, armEndpoint, &policy.ClientOptions{Transport: arm}).Identity(t.Context(), "s"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("without a token: %v", err)
	}
}

func TestCloudflare(t *testing.T) {
	url, asked := api(t, map[string]string{
		"/user/tokens/verify": `{"result": {"status": "active"}}`,
		"/zones?name=example.com": `{"result": [{"id": "Z1", "name": "example.com", "type": "full", "status": "pending", "name_servers": ["ada.ns.cloudflare.test"], "account": {"id": "A1"},
			"plan": {"name": "Pro Website", "legacy_id": "pro"}}]}`,
		"/accounts/A1/load_balancers/pools": `{"result": [{"id": "p1", "origins": [{"name": "a"}, {"name": "b"}]}, {"id": "p2", "origins": [{"name": "c"}]}]}`,
		"/zones?name=none.test":             `{"result": []}`,
		"/zones/Z1/rulesets?per_page=50": `{"result": [{"id": "m1", "name": "OWASP", "kind": "managed", "phase": "http_request_firewall_managed"},
			{"id": "r1", "name": "default", "kind": "zone", "phase": "http_config_settings", "version": "3"}], "result_info": {"cursors": {"after": "n+1"}}}`,
		"/zones/Z1/rulesets?cursor=n%2B1&per_page=50": `{"result": [{"id": "c1", "name": "mine", "kind": "custom", "phase": "http_config_settings"}], "result_info": {"cursor": "n2"}}`,
		"/zones/Z1/rulesets?cursor=n2&per_page=50":    `{"result": [{"id": "r2", "name": "default", "kind": "zone", "phase": "http_request_late_transform"}]}`,
	})
	c := newCloudflare("t1", url)
	if _, err := c.Identity(t.Context()); err != nil {
		t.Error(err)
	}
	if got := (*asked)[0].Header.Get("Authorization"); got != "Bearer t1" {
		t.Errorf("asked with %q", got)
	}
	zone, err := c.Zone(t.Context(), "example.com")
	want := CloudflareZone{Servers: []string{"ada.ns.cloudflare.test"}, ID: "Z1", Account: "A1", Setup: "full", Status: "pending", Plan: "pro"}
	if diff := cmp.Diff(want, zone); diff != "" || err != nil {
		t.Errorf("the zone, %v:\n%s", err, diff)
	}
	if pools, endpoints, err := c.Pools(t.Context(), "A1"); pools != 2 || endpoints != 3 || err != nil {
		t.Errorf("%d pools, %d endpoints, %v", pools, endpoints, err)
	}
	rulesets, err := c.Rulesets(t.Context(), "Z1")
	if diff := cmp.Diff([]Ruleset{{"r1", "default", "http_config_settings"}, {"r2", "default", "http_request_late_transform"}}, rulesets); diff != "" || err != nil {
		t.Errorf("the zone's own rulesets of all pages, %v:\n%s", err, diff)
	}
	if _, err := c.Rulesets(t.Context(), "Z2"); err == nil || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("rulesets that may not be read: %v", err)
	}
	if _, err := c.Zone(t.Context(), "none.test"); !errors.Is(err, ErrNoZone) {
		t.Errorf("a zone that is not there: %v", err)
	}
	expired, _ := api(t, map[string]string{"/user/tokens/verify": `{"result": {"status": "expired"}}`})
	if _, err := newCloudflare("t1", expired).Identity(t.Context()); err == nil || !strings.Contains(err.Error(), "the token is expired") {
		t.Errorf("an expired token: %v", err)
	}
	if _, err := NewCloudflare(func(string) string { return "" }); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("no token: %v", err)
	}
	if c, err := NewCloudflare(func(string) string { return "t1" }); err != nil || c.(cloudflareAPI).base != "https://api.cloudflare.com/client/v4" {
		t.Errorf("%+v, %v", c, err)
	}
}
