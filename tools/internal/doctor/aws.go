package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"polygate.example/tools/internal/credential"
)

// amazon asks AWS by its SDK.
type amazon struct{ config aws.Config }

// NewAWS finds credentials where the SDK does: environment, shared files, single sign-on, the machine's role. profile is the
// stack file's aws:profile, or "".
func NewAWS(ctx context.Context, profile string) (AWS, error) {
	c, err := credential.AWS(ctx, profile)
	if err != nil {
		return nil, err
	}
	return amazon{c}, nil
}

func (a amazon) Identity(ctx context.Context) (string, error) {
	out, err := sts.NewFromConfig(a.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	// Whoever has credentials is allowed it, whatever else they are refused: what AWS answers here is about the credentials.
	// Source: GetCallerIdentity, "No permissions are required to perform this operation", docs.aws.amazon.com/STS/latest/APIReference.
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return "", fmt.Errorf("%w that AWS takes: %s: %s", ErrNoCredentials, answer.ErrorCode(), answer.ErrorMessage())
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Arn), nil
}

func (a amazon) Regions(ctx context.Context) ([]string, error) {
	pages := account.NewListRegionsPaginator(account.NewFromConfig(a.config), &account.ListRegionsInput{
		RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
	})
	var out []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Regions {
			out = append(out, aws.ToString(r.RegionName))
		}
	}
	return out, nil
}

func (a amazon) Concurrency(ctx context.Context, region string) (limit, unreserved int, err error) {
	out, err := lambda.NewFromConfig(a.config, func(o *lambda.Options) { o.Region = region }).GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return 0, 0, err
	}
	if out.AccountLimit == nil {
		return 0, 0, errors.New("the account has no limits in what Lambda says")
	}
	return int(out.AccountLimit.ConcurrentExecutions), int(aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions)), nil
}

func (a amazon) Zone(ctx context.Context, name string) ([]string, error) {
	client := route53.NewFromConfig(a.config)
	// Zones are listed from the name on, those of the name first.
	found, err := client.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: aws.String(name + ".")})
	if err != nil {
		return nil, err
	}
	for _, z := range found.HostedZones {
		if strings.TrimSuffix(aws.ToString(z.Name), ".") != name || z.Config != nil && z.Config.PrivateZone {
			continue
		}
		zone, err := client.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: z.Id})
		if err != nil {
			return nil, err
		}
		if zone.DelegationSet == nil {
			return nil, nil
		}
		return zone.DelegationSet.NameServers, nil
	}
	return nil, ErrNoZone
}

func (a amazon) HealthChecks(ctx context.Context) (limit, used int, err error) {
	out, err := route53.NewFromConfig(a.config).GetAccountLimit(ctx, &route53.GetAccountLimitInput{Type: route53types.AccountLimitTypeMaxHealthChecksByOwner})
	if err != nil {
		return 0, 0, err
	}
	if out.Limit == nil {
		return 0, 0, errors.New("no limit of health checks is told by Route 53")
	}
	return int(aws.ToInt64(out.Limit.Value)), int(out.Count), nil
}

var _ AWS = amazon{}
