package azure

import (
	"context"
	"crypto/md5" //nolint:gosec // blobs carry an MD5; nothing is trusted because of it
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the storage types.
const (
	tokenAccount   = "azure-native:storage:StorageAccount"
	tokenContainer = "azure-native:storage:BlobContainer"
	tokenBlob      = "azure-native:storage:Blob"
)

var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

func storageAccount() *resource.Type {
	name := resource.Property{Name: "accountName", Kind: resource.String, Immutable: true, Complain: func(v any) string {
		if !accountName.MatchString(v.(string)) { // Source: "Resolve errors for storage account names", AccountNameInvalid
			return refuse(http.StatusBadRequest, "AccountNameInvalid", "%s is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.", v).Error()
		}
		return ""
	}}
	kind := choice("kind", "StorageV2", "BlockBlobStorage")
	kind.Required = true
	t := arm(tokenAccount, "Microsoft.Storage/storageAccounts", "accountName", name, location, tags, kind,
		resource.Property{Name: "sku", Kind: resource.Object, Required: true, Computed: []string{"tier"}, Fields: []resource.Property{{
			Name: "name", Kind: resource.String, Required: true,
			OneOf: resource.List[any]("Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Premium_LRS", "Premium_ZRS", "Standard_GZRS", "Standard_RAGZRS"),
		}}},
		choice("accessTier", "Hot", "Cool", "Cold", "Premium"),
		resource.Property{Name: "allowBlobPublicAccess", Kind: resource.Bool},
		resource.Property{Name: "allowSharedKeyAccess", Kind: resource.Bool},
		resource.Property{Name: "allowCrossTenantReplication", Kind: resource.Bool},
		resource.Property{Name: "defaultToOAuthAuthentication", Kind: resource.Bool},
		resource.Property{Name: "enableHttpsTrafficOnly", Kind: resource.Bool},
		choice("minimumTlsVersion", "TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"),
		choice("publicNetworkAccess", "Enabled"),
	)
	t.Unmodelled = []string{
		"allowedCopyScope", "azureFilesIdentityBasedAuthentication", "customDomain", "dnsEndpointType", "enableExtendedGroups", "enableNfsV3", "encryption",
		"extendedLocation", "identity", "immutableStorageWithVersioning", "isHnsEnabled", "isLocalUserEnabled", "isSftpEnabled", "keyPolicy",
		"largeFileSharesState", "networkRuleSet", "routingPreference", "sasPolicy",
	}
	t.Computed = append(t.Computed, "primaryEndpoints", "primaryLocation", "provisioningState", "statusOfPrimary", "creationTime")
	t.Unique = []string{"accountName"} // over all of Azure
	t.AutoName = &resource.AutoName{Property: "accountName", Max: 24, Lower: true, Strip: regexp.MustCompile(`[^a-z0-9]`)}
	t.Conflict = func(in resource.Props) error { // Source: "Resolve errors for storage account names", StorageAccountAlreadyTaken
		return refuse(http.StatusConflict, CodeAccountTaken, "The storage account named %s is already taken.", in.Str("accountName"))
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.Storage", "storageAccounts", in.Str("accountName"))
		if err != nil {
			return "", nil, err
		}
		endpoint := func(service string) string {
			return "https://" + in.Str("accountName") + "." + service + ".core.windows.net/"
		}
		sku := in.Object("sku")
		tier, _, _ := strings.Cut(sku.Str("name"), "_")
		return id.String(), made(id, "2024-01-01").With(resource.Props{
			"location": at(in, g), "primaryLocation": at(in, g), "provisioningState": "Succeeded", "statusOfPrimary": "available",
			"creationTime": env.Now().Format(time.RFC3339), "sku": sku.With(resource.Props{"tier": tier}),
			"primaryEndpoints": resource.Props{
				"blob": endpoint("blob"), "dfs": endpoint("dfs"), "file": endpoint("file"), "queue": endpoint("queue"), "table": endpoint("table"), "web": endpoint("web"),
			},
		}), nil
	}
	t.Update = func(_ context.Context, _ *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		before, after := old.Inputs.Object("sku").Str("name"), in.Object("sku").Str("name")
		tier, _, _ := strings.Cut(after, "_")
		if zoned(before) != zoned(after) || !strings.HasPrefix(before, tier+"_") {
			return nil, refuse(http.StatusBadRequest, CodeConversion, "Storage account type cannot be changed from %s to %s.", before, after)
		}
		return resource.Props{"sku": in.Object("sku").With(resource.Props{"tier": tier})}, nil
	}
	t.Delete = removeChildren
	return t
}

// zoned reports whether an account's data are kept in several zones. To become so, or no longer to be, takes a conversion that
// is asked for apart; an update of the account may change whether another region has a copy. Source: "Change how a storage
// account is replicated", learn.microsoft.com/azure/storage/common/redundancy-migration; the code of the refusal:
// hashicorp/terraform-provider-azurerm issue #6526.
func zoned(sku string) bool { return strings.HasSuffix(sku, "ZRS") }

var containerName = `^([a-z0-9](-?[a-z0-9]){2,62}|\$root|\$web)$`

func accountOf(v resource.View, in resource.Props) (resource.Record, error) {
	r, ok := v.Find(tokenAccount, "accountName", in.Str("accountName"))
	if !ok || !strings.EqualFold(r.Inputs.Str("resourceGroupName"), in.Str("resourceGroupName")) {
		return resource.Record{}, refuse(http.StatusNotFound, CodeNotFound, "The Resource 'Microsoft.Storage/storageAccounts/%s' under resource group '%s' was not found.",
			in.Str("accountName"), in.Str("resourceGroupName"))
	}
	return r, nil
}

// blobContainer: Source: "Naming and referencing containers, blobs, and metadata" and "Remediate anonymous read access":
// an account that does not allow public blobs refuses a container that shows them.
func blobContainer() *resource.Type {
	t := arm(tokenContainer, "Microsoft.Storage/storageAccounts/blobServices/containers", "containerName",
		resource.Property{Name: "accountName", Kind: resource.String, Required: true, Immutable: true},
		resource.Property{Name: "containerName", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(containerName)},
		choice("publicAccess", "None", "Blob", "Container"),
		resource.Property{Name: "metadata", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String}},
	)
	t.Unmodelled = []string{"defaultEncryptionScope", "denyEncryptionScopeOverride", "enableNfsV3AllSquash", "enableNfsV3RootSquash", "immutableStorageWithVersioning"}
	t.Computed = append(t.Computed, "etag", "leaseState", "leaseStatus", "lastModifiedTime")
	t.Unique = []string{"accountName", "containerName"}
	t.AutoName = &resource.AutoName{Property: "containerName", Max: 63, Lower: true}
	check := func(v resource.View, in resource.Props) (resource.Record, error) {
		a, err := accountOf(v, in)
		if err != nil {
			return a, err
		}
		if p := in.Str("publicAccess"); p != "" && p != "None" && !a.Inputs.Bool("allowBlobPublicAccess") {
			return a, refuse(http.StatusConflict, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
		}
		return a, nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		a, err := check(env.View(), in)
		if err != nil {
			return "", nil, err
		}
		id, err := ParseID(a.ID + "/blobServices/default/containers/" + in.Str("containerName"))
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-01-01").With(resource.Props{
			"etag": fmt.Sprintf("%q", "0x"+derived("etag", id.String())[:15]), "leaseState": "Available", "leaseStatus": "Unlocked", "lastModifiedTime": env.Now().Format(time.RFC3339),
		}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		_, err := check(env.View(), in)
		return nil, err
	}
	t.Delete = removeChildren
	return t
}

func containerOf(v resource.View, account, name string) (resource.Record, bool) {
	for _, r := range v.Where(tokenContainer, "accountName", account) {
		if r.Inputs.Str("containerName") == name {
			return r, true
		}
	}
	return resource.Record{}, false
}

// withKey refuses what the provider does with the account's key, which is everything it does with a blob.
// Source: pulumi/pulumi-azure-native issue #2015 and PR #3719 ("Use shared key auth for custom blob resource"); "Prevent
// Shared Key authorization for a storage account", learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
// (absent, allowSharedKeyAccess counts as true).
func withKey(v resource.View, in resource.Props) error {
	a, err := accountOf(v, in)
	if err != nil {
		return err
	}
	if a.Inputs.Has("allowSharedKeyAccess") && !a.Inputs.Bool("allowSharedKeyAccess") {
		return refuse(http.StatusForbidden, CodeKeyDenied, "Key based authentication is not permitted on this storage account.")
	}
	return nil
}

// blob is a block blob. Other kinds are not modelled. Another source is another blob: source, type and the names are
// marked WillReplaceOnChanges in pulumi-azure-native, provider/pkg/resources/customresources/custom_storage_azidentity.go.
func blob() *resource.Type {
	kind := choice("type", "Block")
	kind.Default, kind.Immutable = "Block", true
	t := arm(tokenBlob, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs", "blobName",
		resource.Property{Name: "accountName", Kind: resource.String, Required: true, Immutable: true},
		resource.Property{Name: "containerName", Kind: resource.String, Required: true, Immutable: true},
		resource.Property{Name: "blobName", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(1024)},
		resource.Property{Name: "source", Kind: resource.Asset, Immutable: true},
		resource.Property{Name: "contentType", Kind: resource.String},
		resource.Property{Name: "metadata", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String}},
		kind,
	)
	t.Unmodelled = []string{"accessTier", "contentMd5"}
	t.Computed = []string{"name", "url", "contentMd5"}
	t.Volatile = []string{"contentMd5"}
	t.Unique = []string{"accountName", "containerName", "blobName"}
	t.AutoName = autoName("blobName", 1024)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		if err := withKey(env.View(), in); err != nil {
			return "", nil, err
		}
		c, ok := containerOf(env.View(), in.Str("accountName"), in.Str("containerName"))
		if !ok {
			return "", nil, refuse(http.StatusNotFound, CodeContainer, "The specified container does not exist.")
		}
		out, err := blobOutputs(env, in)
		return c.ID + "/blobs/" + in.Str("blobName"), out, err
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		if err := withKey(env.View(), in); err != nil {
			return nil, err
		}
		return blobOutputs(env, in)
	}
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		return withKey(env.View(), old.Inputs)
	}
	return t
}

func blobOutputs(env *resource.Env, in resource.Props) (resource.Props, error) {
	sum := md5.New() //nolint:gosec // see the import
	if b, ok := in.Blob("source"); ok {
		f, err := os.Open(env.BlobFile(b))
		if err != nil {
			return nil, fmt.Errorf("read the source of %s: %w", in.Str("blobName"), err)
		}
		defer f.Close()
		if _, err := io.Copy(sum, f); err != nil {
			return nil, fmt.Errorf("read the source of %s: %w", in.Str("blobName"), err)
		}
	}
	return resource.Props{
		"name": in.Str("blobName"), "contentMd5": base64.StdEncoding.EncodeToString(sum.Sum(nil)),
		"url": fmt.Sprintf("https://%s.blob.core.windows.net/%s/%s", in.Str("accountName"), in.Str("containerName"), in.Str("blobName")),
	}, nil
}

// address is a place in blob storage.
type address struct{ account, container, blob string }

// parseBlobURL reads https://<account>.blob.core.windows.net/<container>[/<blob>].
func parseBlobURL(s string) (address, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return address{}, false
	}
	account, ok := strings.CutSuffix(u.Host, ".blob.core.windows.net")
	if !ok || !accountName.MatchString(account) {
		return address{}, false
	}
	container, name, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	return address{account, container, name}, container != ""
}

// blobAt finds the blob of an address.
func blobAt(v resource.View, a address) (resource.Record, bool) {
	for _, r := range v.Where(tokenBlob, "accountName", a.account) {
		if r.Inputs.Str("containerName") == a.container && r.Inputs.Str("blobName") == a.blob {
			return r, true
		}
	}
	return resource.Record{}, false
}
