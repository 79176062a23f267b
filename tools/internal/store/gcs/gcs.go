// Package gcs keeps documents in a bucket of Google Cloud Storage.
package gcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"polygate.example/tools/internal/store"
)

// Bucket is a place in Cloud Storage. Whoever reads needs storage.objects.get and storage.objects.list; whoever writes,
// storage.objects.create and storage.objects.delete too, since what is replaced is deleted ("IAM permissions for JSON methods",
// docs.cloud.google.com/storage/docs/access-control/iam-json).
type Bucket struct {
	objects *storage.ObjectsService
	name    string
}

// New connects to a bucket. Credentials are found as Google's clients find them, unless the options say otherwise.
func New(ctx context.Context, name string, opts ...option.ClientOption) (*Bucket, error) {
	service, err := storage.NewService(ctx, append([]option.ClientOption{option.WithScopes(storage.DevstorageReadWriteScope)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to Cloud Storage: %w", err)
	}
	return &Bucket{objects: service.Objects, name: name}, nil
}

// Where is the bucket.
func (b *Bucket) Where() string { return "gs://" + b.name }

// Read gives an object. Its version is its generation, which comes with its data ("x-goog-generation", docs.cloud.google.com/storage/docs/
// xml-api/reference-headers). Cloud Storage answers 404 for a bucket that does not exist as well.
func (b *Bucket) Read(ctx context.Context, name string) (store.Object, error) {
	answer, err := b.objects.Get(b.name, name).Context(ctx).Download()
	if status(err) == http.StatusNotFound {
		return store.Object{}, store.ErrNotFound
	}
	if err != nil {
		return store.Object{}, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, store.Most+1))
	if err == nil && len(data) > store.Most {
		err = fmt.Errorf("it has more than %d bytes", store.Most)
	}
	if err != nil {
		return store.Object{}, err
	}
	out := store.Object{Data: data, Version: answer.Header.Get("X-Goog-Generation")}
	out.Modified, err = http.ParseTime(answer.Header.Get("Last-Modified"))
	return out, err
}

// Write puts an object under a condition: its generation, 0 for none, and 412 when it is another. Source: "Request preconditions",
// docs.cloud.google.com/storage/docs/request-preconditions.
func (b *Bucket) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	var generation int64
	if ifVersion != "" {
		var err error
		if generation, err = strconv.ParseInt(ifVersion, 10, 64); err != nil || generation <= 0 {
			return "", store.ErrConflict // no version of a document here
		}
	}
	object, err := b.objects.Insert(b.name, &storage.Object{Name: name, ContentType: "application/json"}).IfGenerationMatch(generation).
		Media(bytes.NewReader(data), googleapi.ChunkSize(0), googleapi.ContentType("application/json")).Context(ctx).Do()
	if status(err) == http.StatusPreconditionFailed {
		return "", store.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(object.Generation, 10), nil
}

// status is the HTTP status of an answer that is an error, 0 of anything else.
func status(err error) int {
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

var _ store.Driver = (*Bucket)(nil)
