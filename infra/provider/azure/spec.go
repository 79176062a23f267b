// Package azure deploys the gateway to Azure: a Flex Consumption function app with a custom handler in each region.
package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/storage/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// Provider is Microsoft Azure.
type Provider struct{}

// regions are those where Flex Consumption is sold in the public cloud; Azure's names are labels as they are.
// Source: `az functionapp list-flexconsumption-locations`, named in "Create and manage function apps in a Flex
// Consumption plan", learn.microsoft.com/azure/azure-functions/flex-consumption-how-to.
var regions = labels(
	"australiaeast", "brazilsouth", "canadacentral", "centralindia", "centralus", "eastasia", "eastus", "eastus2",
	"francecentral", "germanywestcentral", "italynorth", "japaneast", "koreacentral", "northcentralus", "northeurope",
	"norwayeast", "southafricanorth", "southcentralus", "southeastasia", "spaincentral", "swedencentral",
	"switzerlandnorth", "uaenorth", "uksouth", "westcentralus", "westeurope", "westus2", "westus3",
)

func labels(names ...string) map[string]string {
	out := make(map[string]string, len(names))
	for _, n := range names {
		out[n] = n
	}
	return out
}

// Spec says what Azure can do.
func (Provider) Spec() provider.Spec {
	return provider.Spec{
		Name:          name,
		Regions:       regions,
		Architectures: []string{settings.ArchitectureAMD64}, // Flex Consumption runs on x64 only
		// Instance sizes. Source: "Flex Consumption plan", learn.microsoft.com/azure/azure-functions/flex-consumption-plan.
		Memory: provider.Allowed{Of: []int{512, 2048, 4096}},
		// The front end gives up after 230 s, whatever the function's own timeout. Source: "Function app timeout
		// duration", learn.microsoft.com/azure/azure-functions/functions-scale.
		Timeout: provider.Allowed{Least: 1, Most: 230},
		// Source: "Manage data retention in a Log Analytics workspace": interactive retention of 30 to 730 days,
		// learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure.
		LogRetention: provider.Allowed{Least: 30, Most: 730},
		// A certificate that App Service issues itself needs the name to point at the app, which a shared name does
		// for one region only: the user brings one, issued by ACME DNS-01.
		Certificate: true,
		Limits:      limits,
		Config:      []provider.ConfigKey{provider.AzureSubscription, provider.AzureLocation},
		Check:       check,

		Certificates: certificates,
	}
}

// account is the Azure subscription's part of a stack.
type account struct {
	pulumi.ResourceState

	name         string
	args         provider.AccountArgs
	subscription string
	pfx          string // base64 of the PKCS #12 file
	password     string
	// ownership proves to App Service that the shared name is ours. The value is the same for a whole subscription,
	// so the stack's first region writes it for all. Source: "Map an existing custom DNS name", learn.microsoft.com/
	// azure/app-service/app-service-web-tutorial-custom-domain (asuid TXT record).
	ownership   *provider.Written
	propagation *propagation
	// kept says where the stack's documents are: in container, of storage, in group.
	kept      topology.Store
	group     *resources.ResourceGroup
	storage   *storage.StorageAccount
	container *storage.BlobContainer
	secrets   map[string]secret // by variable
}

// NewAccount reads the certificate that the user brings. The one shared record is written with the first region,
// whose app is the first to say what it must hold.
func (Provider) NewAccount(ctx *pulumi.Context, name string, args provider.AccountArgs, opts ...pulumi.ResourceOption) (provider.Account, error) {
	a := &account{name: name, args: args}
	var ok bool
	if a.subscription, ok = args.Config(provider.AzureSubscription.Key); !ok || a.subscription == "" {
		return nil, fmt.Errorf("component %s: %s is not set in the stack file", name, provider.AzureSubscription.Key)
	}
	if err := a.readCertificate(); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	var err error
	if a.secrets, err = secretsOf(args.Settings); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if a.propagation, err = newPropagation(ctx, name, args.Settings); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := ctx.RegisterComponentResource(provider.TypeToken("azure", "Account"), name, a, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.store(ctx); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.budget(ctx, time.Now()); err != nil {
		return nil, err
	}
	if err := ctx.RegisterResourceOutputs(a, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return a, nil
}

// readCertificate reads the files that polygate:certificate names. Neither content appears in an error, which names every
// file there is something wrong with.
func (a *account) readCertificate() error {
	c := a.args.Settings.Certificate
	if c == nil {
		return errors.New("polygate:certificate is not set: Azure needs a certificate you bring")
	}
	pfx, pfxErr := os.ReadFile(a.path(c.PFX))
	if pfxErr != nil {
		pfxErr = fmt.Errorf("read polygate:certificate.pfx, the PKCS #12 file you bring: %w", pfxErr)
	}
	password, passwordErr := os.ReadFile(a.path(c.PasswordFile))
	if passwordErr != nil {
		passwordErr = fmt.Errorf("read polygate:certificate.passwordFile, whose first line is its password: %w", passwordErr)
	}
	if err := errors.Join(pfxErr, passwordErr); err != nil {
		return err
	}
	a.pfx = base64.StdEncoding.EncodeToString(pfx)
	first, _, _ := strings.Cut(string(password), "\n")
	a.password = strings.TrimSuffix(first, "\r")
	return nil
}

func (a *account) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.args.Root, p)
}

var (
	_ provider.Provider = Provider{}
	_ provider.Account  = (*account)(nil)
)
