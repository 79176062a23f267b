package azure

import (
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/storage/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// storeContainer is what the store's container is called.
const storeContainer = "state"

// Store is the container that a stack keeps its topology and its lock in. The account is the subscription. The storage account is of its own:
// those of the regions are replaced, by another zoneRedundant for one.
func (Provider) Store(s settings.Settings, account string) topology.Store {
	home := provider.Home(s, name)
	return topology.Store{Provider: name, Region: home.Name, Container: storeContainer,
		Name: "polygate" + provider.StoreHash(provider.StoreStem(s.Environment, regions[home.Name]), account)}
}

// storeGroup is the resource group of the store.
func (a *account) storeGroup() string {
	return provider.StoreStem(a.args.Settings.Environment, regions[a.kept.Region])
}

// store declares the storage account and its container. It shows nothing in public, is spoken to by TLS, and goes with the stack, the lock as
// well, which Pulumi does not know. It takes its keys because azure-native uploads with one (see storage); whoever reads or writes by hand
// comes with a token and a data role. It holds nothing that the next `up` does not put there again.
func (a *account) store(ctx *pulumi.Context) error {
	a.kept = Provider{}.Store(a.args.Settings, a.subscription)
	opts := []pulumi.ResourceOption{pulumi.Parent(a), provider.Replaceable()}
	failed := func(part string, err error) error { return fmt.Errorf("%s of the store: %w", part, err) }
	tags := provider.Tags(a.args, nil)
	group, err := resources.NewResourceGroup(ctx, a.name+"-state", &resources.ResourceGroupArgs{
		ResourceGroupName: pulumi.String(a.storeGroup()), Location: pulumi.String(a.kept.Region), Tags: tags,
	}, opts...)
	if err != nil {
		return failed("resource group", err)
	}
	made, err := storage.NewStorageAccount(ctx, a.name+"-state-account", &storage.StorageAccountArgs{
		ResourceGroupName: group.Name, AccountName: pulumi.String(a.kept.Name), Location: pulumi.String(a.kept.Region),
		Kind: pulumi.String(string(storage.KindStorageV2)), Sku: storage.SkuArgs{Name: pulumi.String(string(storage.SkuName_Standard_LRS))},
		AllowSharedKeyAccess: pulumi.Bool(true), AllowBlobPublicAccess: pulumi.Bool(false), EnableHttpsTrafficOnly: pulumi.Bool(true),
		MinimumTlsVersion: pulumi.String(string(storage.MinimumTlsVersion_TLS1_2)), Tags: tags,
	}, opts...)
	if err != nil {
		return failed("storage account", err)
	}
	if a.container, err = storage.NewBlobContainer(ctx, a.name+"-state-container", &storage.BlobContainerArgs{
		ResourceGroupName: group.Name, AccountName: made.Name, ContainerName: pulumi.String(storeContainer), PublicAccess: storage.PublicAccessNone,
	}, opts...); err != nil {
		return failed("container", err)
	}
	a.group, a.storage = group, made
	return nil
}

// Store says where the stack's documents are kept.
func (a *account) Store() topology.Store { return a.kept }

// Keep declares the topology in the store. As with a region's package, other content is another blob under the same name, so that the old one
// goes first.
func (a *account) Keep(ctx *pulumi.Context, document pulumi.StringInput) error {
	content := document.ToStringOutput().ApplyT(func(text string) pulumi.AssetOrArchive { return pulumi.NewStringAsset(text) }).(pulumi.AssetOrArchiveOutput)
	if _, err := storage.NewBlob(ctx, a.name+"-topology", &storage.BlobArgs{
		ResourceGroupName: a.group.Name, AccountName: a.storage.Name, ContainerName: a.container.Name, BlobName: pulumi.String(provider.TopologyObject),
		Type: storage.BlobTypeBlock, ContentType: pulumi.String("application/json"), Source: content,
	}, pulumi.Parent(a), provider.Replaceable(), pulumi.DeleteBeforeReplace(true)); err != nil {
		return fmt.Errorf("topology in the store of %s: %w", a.name, err)
	}
	return nil
}
