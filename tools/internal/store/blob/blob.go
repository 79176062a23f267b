// Package blob keeps documents in a container of Azure Blob Storage. It makes its two calls by azcore's own pipeline: the SDK of the service,
// azblob, brings Apache Arrow along, for listings that nobody here asks for.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"polygate.example/tools/internal/store"
)

const (
	// scope of a token for any storage account. Source: "Authorize with Microsoft Entra ID", learn.microsoft.com/rest/api/storageservices/
	// authorize-with-azure-active-directory.
	scope = "https://storage.azure.com/.default"
	// version of the REST API; tokens want 2017-11-09 or later (as scope).
	version = "2023-11-03"

	codeBlobNotFound = "BlobNotFound" // and not ContainerNotFound: "Blob service error codes", learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
)

// Container is a place in a storage account. Whoever reads needs the role Storage Blob Data Reader on it; whoever writes, Storage Blob Data
// Contributor. An owner of the subscription has neither by that ("Authorize access to blobs using Microsoft Entra ID",
// learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory).
type Container struct {
	pipeline      runtime.Pipeline
	account, name string
}

// New connects to a container. Nil options are azcore's own.
func New(credential azcore.TokenCredential, opts *policy.ClientOptions, account, name string) *Container {
	return &Container{account: account, name: name, pipeline: runtime.NewPipeline("polygate", "1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{scope}, nil)},
	}, opts)}
}

// Where is the container's URL.
func (c *Container) Where() string {
	return "https://" + c.account + ".blob.core.windows.net/" + c.name
}

// Read gives a blob. Its version is its entity tag. Source: Get Blob, learn.microsoft.com/rest/api/storageservices/get-blob.
func (c *Container) Read(ctx context.Context, name string) (store.Object, error) {
	answer, err := c.ask(ctx, http.MethodGet, name, nil, nil)
	if err != nil {
		return store.Object{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		err := runtime.NewResponseError(answer)
		if code(err) == codeBlobNotFound {
			return store.Object{}, store.ErrNotFound
		}
		return store.Object{}, err
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, store.Most+1))
	if err == nil && len(data) > store.Most {
		err = fmt.Errorf("it has more than %d bytes", store.Most)
	}
	if err != nil {
		return store.Object{}, err
	}
	out := store.Object{Data: data, Version: answer.Header.Get("ETag")}
	out.Modified, err = http.ParseTime(answer.Header.Get("Last-Modified"))
	return out, err
}

// Write puts a block blob under a condition. A condition that is not met is answered with 412, and with 409 BlobAlreadyExists where there
// was to be none. Sources: Put Blob, learn.microsoft.com/rest/api/storageservices/put-blob; "Specifying conditional headers for Blob service
// operations", there too.
func (c *Container) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	header := http.Header{"X-Ms-Blob-Type": {"BlockBlob"}, "If-Match": {ifVersion}}
	if ifVersion == "" {
		header.Del("If-Match")
		header.Set("If-None-Match", "*")
	}
	answer, err := c.ask(ctx, http.MethodPut, name, data, header)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusCreated:
		return answer.Header.Get("ETag"), nil
	case answer.StatusCode == http.StatusPreconditionFailed, ifVersion == "" && code(runtime.NewResponseError(answer)) == "BlobAlreadyExists":
		return "", store.ErrConflict
	}
	return "", runtime.NewResponseError(answer)
}

// ask sends one request.
func (c *Container) ask(ctx context.Context, method, name string, data []byte, header http.Header) (*http.Response, error) {
	r, err := runtime.NewRequest(ctx, method, c.Where()+"/"+url.PathEscape(name))
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		r.Raw().Header[key] = values
	}
	r.Raw().Header.Set("X-Ms-Version", version)
	if method == http.MethodPut {
		if err := r.SetBody(streaming.NopCloser(bytes.NewReader(data)), "application/json"); err != nil {
			return nil, err
		}
	}
	return c.pipeline.Do(r)
}

// code is Azure's own code of an error.
func code(err error) string {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.ErrorCode
	}
	return ""
}

var _ store.Driver = (*Container)(nil)
