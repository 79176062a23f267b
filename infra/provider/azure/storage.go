package azure

import (
	"github.com/pulumi/pulumi-azure-native-sdk/storage/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// releasedPackage is the one blob name a Flex Consumption app loads its code from.
// Source: hashicorp/terraform-provider-azurerm issue #29630; "Deployment technologies in Azure Functions".
const releasedPackage = "released-package.zip"

// store is the app's own storage.
type store struct {
	account   *storage.StorageAccount
	container *storage.BlobContainer
	blob      *storage.Blob
}

// storage declares the account, which shows nothing in public, and the package in it.
//
// The account takes its keys, because azure-native uploads a Blob with one: on an account that does not, storage answers
// 403 KeyBasedAuthenticationNotPermitted (pulumi/pulumi-azure-native issue #2015; PR #3719, "Use shared key auth for
// custom blob resource"). Nothing is configured with a key: the host and OneDeploy come as the app's identity.
//
// Another package replaces the blob, whose source cannot be changed in place (WillReplaceOnChanges in azure-native's
// custom_storage_azidentity.go). Its name is fixed, so that the old one must go first: deleted last, it would take the
// new package with it.
//
// A zone-redundant app wants a zone-redundant account ("if you use a different type of storage account, Functions can show
// unexpected behavior during a zonal outage": "Reliability in Azure Functions"). An account is not made one by an update
// (StorageAccountTypeConversionNotAllowed; a conversion is a request of its own that may take days), so that it is another
// account, by another name, which is there before the app changes over to it. It holds nothing that the next `up` does not
// put there again, and is therefore not protected.
func (r *region) storage() (*store, error) {
	var s store
	var err error
	sku := storage.SkuName_Standard_LRS
	if r.account.args.Settings.ZoneRedundant {
		sku = storage.SkuName_Standard_ZRS
	}
	s.account, err = storage.NewStorageAccount(r.ctx, r.name+"-storage", &storage.StorageAccountArgs{
		ResourceGroupName:      r.group.Name,
		AccountName:            pulumi.String(r.accountName()),
		Location:               r.in,
		Kind:                   pulumi.String(string(storage.KindStorageV2)),
		Sku:                    storage.SkuArgs{Name: pulumi.String(string(sku))},
		AllowSharedKeyAccess:   pulumi.Bool(true),
		AllowBlobPublicAccess:  pulumi.Bool(false),
		EnableHttpsTrafficOnly: pulumi.Bool(true),
		MinimumTlsVersion:      pulumi.String(string(storage.MinimumTlsVersion_TLS1_2)),
		Tags:                   r.tags,
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, r.failed("storage account", err)
	}
	s.container, err = storage.NewBlobContainer(r.ctx, r.name+"-packages", &storage.BlobContainerArgs{
		ResourceGroupName: r.group.Name,
		AccountName:       s.account.Name,
		ContainerName:     pulumi.String("packages"),
		PublicAccess:      storage.PublicAccessNone,
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, r.failed("package container", err)
	}
	s.blob, err = storage.NewBlob(r.ctx, r.name+"-package", &storage.BlobArgs{
		ResourceGroupName: r.group.Name,
		AccountName:       s.account.Name,
		ContainerName:     s.container.Name,
		BlobName:          pulumi.String(releasedPackage),
		Type:              storage.BlobTypeBlock,
		ContentType:       pulumi.String("application/zip"),
		Source:            pulumi.NewFileAsset(r.args.Package),
	}, r.parent, provider.Replaceable(), pulumi.DeleteBeforeReplace(true))
	if err != nil {
		return nil, r.failed("package", err)
	}
	return &s, nil
}
