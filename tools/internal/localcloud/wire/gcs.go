package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenGCSBucket = "gcp:storage/bucket:Bucket"
	tokenGCSObject = "gcp:storage/bucketObject:BucketObject"
	maxUpload      = 8 << 20 // our own bound on an upload, bytes
)

// CloudStorage is Google's Cloud Storage JSON API as far as single objects go: objects.get with alt=media, and objects.insert as a multipart
// upload under a condition. Sources: docs.cloud.google.com/storage/docs/json_api/v1/objects/get and insert; "Request preconditions".
func CloudStorage(a Access, store *resource.Store) http.Handler {
	g := cloudStorage{&googleAPI{access: a, store: store}, objects{store: store, provider: "gcp", token: tokenGCSObject, name: "name"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /storage/v1/b/{bucket}/o/{object}", g.get)
	mux.Handle("POST /upload/storage/v1/b/{bucket}/o", g.handle(g.insert))
	mux.Handle("/", g.handle(func(*http.Request) ([]byte, error) {
		return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", "The local clouds answer objects.get and objects.insert."}
	}))
	return mux
}

// cloudStorage answers calls about objects.
type cloudStorage struct {
	*googleAPI
	objects
}

// get gives an object's data, with its generation as a header.
func (g cloudStorage) get(w http.ResponseWriter, r *http.Request) {
	var object resource.Record
	g.handle(func(r *http.Request) ([]byte, error) {
		if r.URL.Query().Get("alt") != "media" {
			return nil, &googleRefusal{http.StatusBadRequest, "INVALID_ARGUMENT", "The local clouds show an object's data: want alt=media"}
		}
		v := g.objects.store.View()
		if _, ok := v.Get(tokenGCSBucket, r.PathValue("bucket")); !ok {
			return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", "The specified bucket does not exist."}
		}
		var ok bool
		if object, ok = g.find(v, resource.Props{"bucket": r.PathValue("bucket"), "name": r.PathValue("object")}); !ok {
			return nil, &googleRefusal{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("No such object: %s/%s", r.PathValue("bucket"), r.PathValue("object"))}
		}
		w.Header().Set("X-Goog-Generation", generation(object))
		w.Header().Set("Last-Modified", g.written(object).UTC().Format(http.TimeFormat))
		return g.data(object)
	})(w, r)
}

// insert puts an object. ifGenerationMatch is the generation that there must be, 0 for none; 412 says that there is another.
func (g cloudStorage) insert(r *http.Request) ([]byte, error) {
	invalid := func(format string, args ...any) error {
		return &googleRefusal{http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf(format, args...)}
	}
	bucket, q := r.PathValue("bucket"), r.URL.Query()
	if q.Get("uploadType") != "multipart" {
		return nil, invalid("The local clouds take uploads of one request: want uploadType=multipart")
	}
	name, data, err := upload(r)
	if err != nil {
		return nil, invalid("%v", err)
	}
	want := int64(-1)
	if s := q.Get("ifGenerationMatch"); s != "" {
		if want, err = strconv.ParseInt(s, 10, 64); err != nil {
			return nil, invalid("Invalid value for ifGenerationMatch: %s", s)
		}
	}
	object, err := g.objects.put(r.Context(), bucket+"-"+name, "", resource.Props{"bucket": bucket, "name": name}, data,
		func(old resource.Record, exists bool) error {
			if _, ok := g.objects.store.View().Get(tokenGCSBucket, bucket); !ok {
				return &googleRefusal{http.StatusNotFound, "NOT_FOUND", "The specified bucket does not exist."}
			}
			has := int64(0)
			if exists {
				has, _ = strconv.ParseInt(generation(old), 10, 64) // as it was made
			}
			if want >= 0 && want != has {
				return &googleRefusal{http.StatusPreconditionFailed, "FAILED_PRECONDITION", "At least one of the pre-conditions you specified did not hold."}
			}
			return nil
		},
		func(old resource.Record) resource.Props { // a generation is a time in microseconds, and rises
			return resource.Props{"generation": max(float64(time.Now().UnixMicro()), number(old)+1)}
		})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"kind": "storage#object", "bucket": bucket, "name": name, "generation": generation(object), "size": strconv.Itoa(len(data))})
}

// generation is an object's, in digits.
func generation(r resource.Record) string {
	return strconv.FormatInt(int64(number(r)), 10)
}

// number is an object's generation: whole numbers below 2^53.
func number(r resource.Record) float64 {
	n, _ := r.Computed["generation"].(float64)
	return n
}

// upload reads the two parts of a multipart upload: what the object is, and its data. Source: "Multipart uploads", docs.cloud.google.com/
// storage/docs/uploading-objects.
func upload(r *http.Request) (name string, data []byte, err error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return "", nil, fmt.Errorf("a multipart upload has the content type %q", r.Header.Get("Content-Type"))
	}
	parts := multipart.NewReader(http.MaxBytesReader(nil, r.Body, maxUpload), params["boundary"])
	var object struct{ Name string }
	part, err := parts.NextPart()
	if err == nil {
		err = json.NewDecoder(part).Decode(&object)
	}
	if err == nil {
		part, err = parts.NextPart()
	}
	if err == nil {
		data, err = io.ReadAll(part)
	}
	if err == nil && object.Name == "" {
		err = fmt.Errorf("the object has no name")
	}
	return object.Name, data, err
}
