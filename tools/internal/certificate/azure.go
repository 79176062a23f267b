package certificate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/dns/armdns"
	"github.com/go-acme/lego/v5/challenge"

	"polygate.example/infra/settings"
)

// azureTTL is how long a resolver may keep an answer, in seconds.
const azureTTL = 60

// azure answers challenges in an Azure DNS zone.
type azure struct {
	records     *armdns.RecordSetsClient
	group, zone string
}

// newAzure finds the credentials; that they do is seen when the first record is written.
func newAzure(s settings.Settings, access Access) (*azure, error) {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return openAzure(s, access, credential, nil)
}

func openAzure(s settings.Settings, access Access, credential azcore.TokenCredential, options *arm.ClientOptions) (*azure, error) {
	if access.Subscription == "" || s.TrafficManager.ZoneGroup == "" {
		return nil, errors.New("azure-native:subscriptionId and polygate:trafficmanager.zoneGroup have to say where the Azure DNS zone is")
	}
	records, err := armdns.NewRecordSetsClient(access.Subscription, credential, options)
	if err != nil {
		return nil, err
	}
	return &azure{records, s.TrafficManager.ZoneGroup, s.Zone}, nil
}

// Present adds an answer to the record set of its name.
func (a *azure) Present(ctx context.Context, domain, _, keyAuth string) error {
	value := recordValue(keyAuth)
	return a.change(ctx, domain, func(all []string) []string {
		return append(slices.DeleteFunc(all, func(v string) bool { return v == value }), value)
	})
}

// CleanUp takes an answer out of its record set, and the set away with the last one.
func (a *azure) CleanUp(ctx context.Context, domain, _, keyAuth string) error {
	value := recordValue(keyAuth)
	return a.change(ctx, domain, func(all []string) []string { return slices.DeleteFunc(all, func(v string) bool { return v == value }) })
}

// change rewrites a record set, unless somebody else has meanwhile: the etag that was read has to be there still.
func (a *azure) change(ctx context.Context, domain string, change func([]string) []string) error {
	name := strings.TrimSuffix(recordName(domain), "."+a.zone)
	var before []string
	var etag *string
	got, err := a.records.Get(ctx, a.group, a.zone, name, armdns.RecordTypeTXT, nil)
	var answered *azcore.ResponseError
	switch {
	case errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound:
	case err != nil:
		return fmt.Errorf("read the TXT records of %s: %w", name, err)
	default:
		etag = got.Etag
		if got.Properties != nil {
			for _, r := range got.Properties.TxtRecords {
				text := ""
				for _, part := range r.Value {
					text += *part
				}
				before = append(before, text)
			}
		}
	}
	values := change(slices.Clone(before))
	if len(values) == 0 {
		if len(before) == 0 {
			return nil
		}
		if _, err := a.records.Delete(ctx, a.group, a.zone, name, armdns.RecordTypeTXT, &armdns.RecordSetsClientDeleteOptions{IfMatch: etag}); err != nil {
			return fmt.Errorf("delete the TXT records of %s: %w", name, err)
		}
		return nil
	}
	ttl := int64(azureTTL)
	set := armdns.RecordSet{Properties: &armdns.RecordSetProperties{TTL: &ttl}}
	for _, v := range values {
		set.Properties.TxtRecords = append(set.Properties.TxtRecords, &armdns.TxtRecord{Value: []*string{&v}})
	}
	options := &armdns.RecordSetsClientCreateOrUpdateOptions{IfMatch: etag}
	if etag == nil {
		all := "*"
		options.IfNoneMatch = &all
	}
	if _, err := a.records.CreateOrUpdate(ctx, a.group, a.zone, name, armdns.RecordTypeTXT, set, options); err != nil {
		return fmt.Errorf("write the TXT records of %s: %w", name, err)
	}
	return nil
}

var _ challenge.Provider = (*azure)(nil)
