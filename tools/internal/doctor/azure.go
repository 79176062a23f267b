package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"polygate.example/tools/internal/credential"
)

// Azure Resource Manager of the public cloud.
const (
	armEndpoint = "https://management.azure.com"
	armScope    = armEndpoint + "/.default"
)

// microsoft asks Azure Resource Manager.
type microsoft struct {
	credential azcore.TokenCredential
	pipeline   runtime.Pipeline
	endpoint   string
}

// NewAzure finds credentials as Pulumi's provider does: ARM_* of the environment, else whoever is logged in.
func NewAzure(context.Context) (Azure, error) {
	found, err := credential.Azure(os.Getenv)
	if err != nil {
		return nil, err
	}
	return newMicrosoft(found, armEndpoint, &policy.ClientOptions{}), nil
}

func newMicrosoft(credential azcore.TokenCredential, endpoint string, opts *policy.ClientOptions) microsoft {
	return microsoft{credential, runtime.NewPipeline("polygate", "doctor", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{armScope}, nil)},
	}, opts), endpoint}
}

// get reads what a path of Resource Manager answers.
func (m microsoft) get(ctx context.Context, path string, query url.Values, into any) error {
	at := path
	if !strings.HasPrefix(path, "https://") { // the link of a next page is whole
		at = m.endpoint + path + "?" + query.Encode()
	}
	req, err := runtime.NewRequest(ctx, http.MethodGet, at)
	if err != nil {
		return err
	}
	res, err := m.pipeline.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return &refusal{status: res.StatusCode, message: complaint(body)}
	}
	return json.Unmarshal(body, into)
}

// list reads a list of Resource Manager to its end.
func list[T any](ctx context.Context, m microsoft, path string, query url.Values) ([]T, error) {
	var out []T
	for path != "" {
		var page struct {
			Value    []T
			NextLink string
		}
		if err := m.get(ctx, path, query, &page); err != nil {
			return nil, err
		}
		out, path = append(out, page.Value...), page.NextLink
	}
	return out, nil
}

func version(v string) url.Values { return url.Values{"api-version": {v}} }

func (m microsoft) Identity(ctx context.Context, subscription string) (string, error) {
	if _, err := m.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}}); err != nil {
		return "", fmt.Errorf("%w for Azure", ErrNoCredentials) // its own error lists every place it looked at
	}
	var doc struct{ DisplayName, State string }
	if err := m.get(ctx, "/subscriptions/"+url.PathEscape(subscription), version("2022-12-01"), &doc); err != nil {
		return "", err
	}
	if doc.State != "Enabled" {
		return "", fmt.Errorf("the subscription %s is %s", doc.DisplayName, doc.State)
	}
	return doc.DisplayName, nil
}

func (m microsoft) FlexLocations(ctx context.Context, subscription string) ([]string, error) {
	query := version("2024-04-01")
	query.Set("sku", "FlexConsumption") // what `az functionapp list-flexconsumption-locations` asks for
	found, err := list[struct{ Name string }](ctx, m, "/subscriptions/"+url.PathEscape(subscription)+"/providers/Microsoft.Web/geoRegions", query)
	var out []string
	for _, r := range found {
		out = append(out, strings.ToLower(strings.ReplaceAll(r.Name, " ", ""))) // "East US" is eastus
	}
	return out, err
}

func (m microsoft) Providers(ctx context.Context, subscription string) ([]string, error) {
	found, err := list[struct{ Namespace, RegistrationState string }](ctx, m, "/subscriptions/"+url.PathEscape(subscription)+"/providers", version("2021-04-01"))
	var out []string
	for _, p := range found {
		if p.RegistrationState == "Registered" {
			out = append(out, p.Namespace)
		}
	}
	return out, err
}

func (m microsoft) Usages(ctx context.Context, subscription, region string) ([]Quota, error) {
	found, err := list[struct {
		Name         struct{ Value string }
		CurrentValue float64
		Limit        float64
	}](ctx, m, "/subscriptions/"+url.PathEscape(subscription)+"/providers/Microsoft.Web/locations/"+url.PathEscape(region)+"/usages", version("2024-11-01"))
	var out []Quota
	for _, u := range found {
		out = append(out, Quota{Metric: u.Name.Value, Limit: u.Limit, Usage: u.CurrentValue})
	}
	return out, err
}

func (m microsoft) Zone(ctx context.Context, subscription, group, name string) ([]string, error) {
	var doc struct {
		Properties struct{ NameServers []string }
	}
	path := "/subscriptions/" + url.PathEscape(subscription) + "/resourceGroups/" + url.PathEscape(group) + "/providers/Microsoft.Network/dnsZones/" + url.PathEscape(name)
	err := m.get(ctx, path, version("2018-05-01"), &doc)
	if missing(err) {
		return nil, ErrNoZone
	}
	return doc.Properties.NameServers, err
}

func (m microsoft) Profiles(ctx context.Context, subscription string) (int, error) {
	found, err := list[struct{ Name string }](ctx, m, "/subscriptions/"+url.PathEscape(subscription)+"/providers/Microsoft.Network/trafficmanagerprofiles", version("2022-04-01"))
	return len(found), err
}

var _ Azure = microsoft{}
