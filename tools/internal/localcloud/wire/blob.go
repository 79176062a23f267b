package wire

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	armStorageAccount = "azure-native:storage:StorageAccount"
	armContainer      = "azure-native:storage:BlobContainer"
	armBlob           = "azure-native:storage:Blob"
	maxBlob           = 8 << 20 // our own bound on a body, bytes
)

// blobTag is the key of an entity tag among what a record of a blob keeps.
const blobTag = "etag"

// Blobs is Azure Blob Storage as far as single block blobs go: Get Blob, and Put Blob under a condition, at <account>.blob.core.windows.net, by
// bearer tokens. Sources: the REST references of both, "Specifying conditional headers for Blob service operations" and "Blob service error
// codes", learn.microsoft.com/rest/api/storageservices.
func Blobs(a Access, store *resource.Store) http.Handler {
	return blobAPI{a, objects{store: store, provider: "azure", token: armBlob, name: "blobName"}}
}

// blobAPI answers calls about blobs.
type blobAPI struct {
	access Access
	objects
}

// blobRefusal is an answer that is no success.
type blobRefusal struct {
	status        int
	code, message string
}

func (r *blobRefusal) Error() string { return r.code + ": " + r.message }

// ServeHTTP answers a call.
func (b blobAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Ms-Request-Id", uuid.NewString())
	err := b.answer(w, r)
	if err == nil {
		return
	}
	refused := &blobRefusal{http.StatusInternalServerError, "InternalError", err.Error()}
	errors.As(err, &refused)
	if refused.status == http.StatusUnauthorized { // "Bearer challenge", Authorize with Microsoft Entra ID
		w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com")
	}
	var words strings.Builder
	_ = xml.EscapeText(&words, []byte(refused.message)) // a Builder does not fail
	w.Header().Set("X-Ms-Error-Code", refused.code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(refused.status)
	_, _ = fmt.Fprintf(w, `%s<Error><Code>%s</Code><Message>%s</Message></Error>`, xml.Header, refused.code, words.String())
}

func (b blobAPI) answer(w http.ResponseWriter, r *http.Request) error {
	switch {
	case b.access.lost("azure"):
		return &blobRefusal{http.StatusServiceUnavailable, "ServerBusy", "The server is currently unable to receive requests. Please retry your request."}
	case !b.access.bearer(r) || r.Header.Get("X-Ms-Version") < "2017-11-09": // "Use of Microsoft Entra ID requires version 2017-11-09 or later"
		return &blobRefusal{http.StatusUnauthorized, "InvalidAuthenticationInfo", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."}
	}
	host, _, _ := strings.Cut(r.Host, ":")
	account := strings.TrimSuffix(host, ".blob.core.windows.net")
	container, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if _, ok := b.store.View().Find(armStorageAccount, "accountName", account); !ok { // with the real one, its host has no address
		return &blobRefusal{http.StatusNotFound, "ResourceNotFound", "The specified resource does not exist."}
	}
	where := resource.Props{"accountName": account, "containerName": container, "blobName": name}
	id, ok := b.containerID(account, container)
	if !ok {
		return &blobRefusal{http.StatusNotFound, "ContainerNotFound", "The specified container does not exist."}
	}
	switch r.Method {
	case http.MethodGet:
		return b.get(w, where)
	case http.MethodPut:
		return b.put(w, r, id+"/blobs/"+name, where)
	}
	return &blobRefusal{http.StatusMethodNotAllowed, "UnsupportedHttpVerb", "The local clouds answer Get Blob and Put Blob."}
}

func (b blobAPI) containerID(account, name string) (string, bool) {
	for _, c := range b.store.View().Where(armContainer, "accountName", account) {
		if c.Inputs.Str("containerName") == name {
			return c.ID, true
		}
	}
	return "", false
}

func (b blobAPI) get(w http.ResponseWriter, where resource.Props) error {
	blob, ok := b.find(b.store.View(), where)
	if !ok {
		return &blobRefusal{http.StatusNotFound, "BlobNotFound", "The specified blob does not exist."}
	}
	data, err := b.data(blob)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", tagOf(blob))
	w.Header().Set("Last-Modified", b.written(blob).UTC().Format(http.TimeFormat))
	w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // who has gone away gets none
	return nil
}

// put overwrites a blob. The condition that there be none is answered with 409, any other that is not met with 412.
func (b blobAPI) put(w http.ResponseWriter, r *http.Request, id string, where resource.Props) error {
	if kind := r.Header.Get("X-Ms-Blob-Type"); kind != "BlockBlob" {
		return &blobRefusal{http.StatusBadRequest, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format: x-ms-blob-type"}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBlob))
	if err != nil {
		return &blobRefusal{http.StatusRequestEntityTooLarge, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit."}
	}
	none, match := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
	blob, err := b.objects.put(r.Context(), id, "", where, data,
		func(old resource.Record, exists bool) error {
			switch {
			case none == "*" && exists:
				return &blobRefusal{http.StatusConflict, "BlobAlreadyExists", "The specified blob already exists."}
			case match != "" && (!exists || match != tagOf(old)):
				return &blobRefusal{http.StatusPreconditionFailed, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."}
			}
			return nil
		},
		func(resource.Record) resource.Props {
			return resource.Props{blobTag: fmt.Sprintf(`"0x%s"`, strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", "")[:15]))}
		})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", tagOf(blob))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// tagOf is a blob's entity tag; of one that a deployment put there, it follows from what it holds.
func tagOf(r resource.Record) string {
	if tag := r.Computed.Str(blobTag); tag != "" {
		return tag
	}
	return fmt.Sprintf(`"0x%X"`, r.Computed.Str("contentMd5"))
}

var (
	_ http.Handler = blobAPI{}
	_ error        = (*blobRefusal)(nil)
)
