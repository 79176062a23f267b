package azure

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenDeployment = "azure-native:resources:Deployment"

// deployment is an ARM deployment. The one template resource there is a model of is OneDeploy, which brings a package
// live; see readTemplate. Each create and each update of the deployment publishes anew.
func deployment() *resource.Type {
	t := arm(tokenDeployment, "Microsoft.Resources/deployments", "deploymentName",
		named("deploymentName", `^[-\w._()]{1,64}$`), tags,
		resource.Property{
			Name: "properties", Kind: resource.Object, Required: true, Computed: []string{"correlationId", "duration", "outputResources", "provisioningState", "templateHash", "timestamp"},
			Fields: []resource.Property{
				{Name: "mode", Kind: resource.String, Required: true, OneOf: []any{"Incremental"}},
				{Name: "template", Kind: resource.Any, Required: true, JSON: true},
			},
			Unmodelled: []string{"debugSetting", "expressionEvaluationOptions", "onErrorDeployment", "parameters", "parametersLink", "templateLink"},
		},
	)
	t.Unmodelled = []string{"location"}
	t.AutoName = &resource.AutoName{Property: "deploymentName", Max: 64, Strip: regexp.MustCompile(`[^-\w._()]`)}
	// Before it counts as done, the package is tried: the platform syncs the app's triggers at the end of a publication,
	// which fails when the host does not start on it (Azure/Azure-Functions issue #2666).
	t.Prepare = func(ctx context.Context, env *resource.Env, _ *resource.Record, in resource.Props) error {
		app, pkg, err := candidate(env, in)
		if err != nil || env.Build == nil {
			return err
		}
		if err := env.Build(ctx, function(env, app, pkg)); err != nil {
			return badRequest("Package deployment failed: Encountered an error (InternalServerError) from host runtime: %v.", err)
		}
		return nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, _, err := place(env, in, "Microsoft.Resources", "deployments", in.Str("deploymentName"))
		if err != nil {
			return "", nil, err
		}
		out, err := publish(env, in, id.String())
		return id.String(), made(id, "2025-04-01").With(out), err
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		return publish(env, in, old.ID)
	}
	return t
}

// candidate is what a deployment's template would publish, after every check that does not need to start it.
func candidate(env *resource.Env, in resource.Props) (app resource.Record, pkg resource.Blob, err error) {
	p, err := readTemplate(in.Object("properties").Object("template"))
	if err != nil {
		return app, pkg, err
	}
	if app, err = appIn(env.View(), in.Str("resourceGroupName"), p.App); err != nil {
		return app, pkg, err
	}
	if pkg, err = fetch(env.View(), app, p, env.Now()); err != nil {
		return app, pkg, err
	}
	return app, pkg, checkPackage(env.BlobFile(pkg))
}

// publish carries out the OneDeploy of a template and puts the package into the app's record. The copy stays with the app
// when the blob changes.
func publish(env *resource.Env, in resource.Props, id string) (resource.Props, error) {
	app, blob, err := candidate(env, in)
	if err != nil {
		return nil, err
	}
	now := env.Now().Format(time.RFC3339)
	app.Private = app.Private.With(resource.Props{"package": blob, "published": now})
	if err := env.Amend(app); err != nil {
		return nil, err
	}
	return resource.Props{"properties": resource.Props{
		"mode": "Incremental", "provisioningState": "Succeeded", "timestamp": now, "duration": "PT1S",
		"correlationId": derived("correlation", id, blob.SHA256), "templateHash": derived("template", id)[:8],
		"outputResources": resource.List[any](resource.Props{"id": app.ID + "/extensions/onedeploy"}),
	}}, nil
}

// fetch finds the package of a OneDeploy and refuses as storage would.
func fetch(v resource.View, app resource.Record, p publication, now time.Time) (resource.Blob, error) {
	storage := app.Inputs.Object("functionAppConfig").Object("deployment").Object("storage")
	from, ok := parseBlobURL(p.PackageURI)
	if !ok || from.blob == "" {
		return resource.Blob{}, badRequest("PackageUri '%s' is no blob URL: want https://<account>.blob.core.windows.net/<container>/%s.", p.PackageURI, ReleasedPackage)
	}
	container, _ := parseBlobURL(storage.Str("value"))
	if from.account != container.account || from.container != container.container || from.blob != ReleasedPackage {
		return resource.Blob{}, badRequest("PackageUri '%s' is not the blob %s in the app's deployment container %s.", p.PackageURI, ReleasedPackage, storage.Str("value"))
	}
	home, ok := containerOf(v, from.account, from.container)
	if !ok {
		return resource.Blob{}, refuse(http.StatusNotFound, CodeContainer, "The specified container does not exist.")
	}
	if who := storageIdentity(v, app); !readsBlobs(v, who, home.ID, now) {
		// Source: Azure Storage, "Status and error codes" (403 AuthorizationPermissionMismatch); as OneDeploy words it:
		// nathanmcnulty/defender-reporting PR #49 (InaccessibleStorageException until the grant has spread).
		return resource.Blob{}, refuse(http.StatusForbidden, CodeStorageDenied,
			"InaccessibleStorageException: Failed to access storage account for deployment: BlobUploadFailedException: Failed to upload blob to storage account: "+
				"Response status code does not indicate success: 403 (This request is not authorized to perform this operation using this permission.). "+
				"Grant the identity %s a Storage Blob Data role on %s; a fresh grant takes minutes to act.", who, home.ID)
	}
	r, ok := blobAt(v, from)
	if !ok {
		return resource.Blob{}, refuse(http.StatusNotFound, CodeBlobNotFound, "The specified blob does not exist.")
	}
	b, ok := r.Inputs.Blob("source")
	if !ok {
		return resource.Blob{}, badRequest("Package deployment failed: %s is empty.", ReleasedPackage)
	}
	return b, nil
}

// storageIdentity is the object id of whom the app is for its deployment storage.
func storageIdentity(v resource.View, app resource.Record) string {
	authentication := app.Inputs.Object("functionAppConfig").Object("deployment").Object("storage").Object("authentication")
	if strings.EqualFold(authentication.Str("type"), "SystemAssignedIdentity") {
		return app.Computed.Object("identity").Str("principalId")
	}
	who, _ := find(v, tokenIdentity, authentication.Str("userAssignedIdentityResourceId"))
	return who.Computed.Str("principalId")
}
