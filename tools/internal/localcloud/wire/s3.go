package wire

import (
	"crypto/md5" //nolint:gosec // S3's entity tags are MD5; nothing is trusted because of it
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenS3Bucket = "aws:s3/bucket:Bucket"
	tokenS3Object = "aws:s3/bucketObjectv2:BucketObjectv2"
)

// S3 is Amazon S3 as far as single objects go: GetObject, and PutObject under a condition, at <bucket>.s3.<region>.amazonaws.com. Sources:
// Amazon S3 API reference, docs.aws.amazon.com/AmazonS3/latest/API; "How to prevent object overwrites with conditional writes", S3 user guide.
func S3(a Access, store *resource.Store) http.Handler {
	s := s3API{objects{store: store, provider: "aws", token: tokenS3Object, name: "key"}}
	api := amazon{access: a, service: "s3", plain: true, faults: []string{"aws"}, write: s3Fault,
		missing: "AccessDenied", unknownKey: "InvalidAccessKeyId", mismatch: "SignatureDoesNotMatch"} // "List of error codes"
	mux := http.NewServeMux()
	mux.Handle("GET /{key}", api.handle(s.in(s.get)))
	mux.Handle("PUT /{key}", api.handle(s.in(s.put)))
	mux.Handle("/", api.handle(func(_ http.ResponseWriter, c awsCall) *awsFault {
		return &awsFault{http.StatusNotImplemented, "NotImplemented", fmt.Sprintf("The local clouds answer GetObject and PutObject: %s %s", c.Method, c.URL.Path)}
	}))
	return mux
}

// s3API answers calls about objects.
type s3API struct{ objects }

// in finds the bucket that a call is about, by its host.
func (s s3API) in(do func(http.ResponseWriter, awsCall, resource.Record) *awsFault) func(http.ResponseWriter, awsCall) *awsFault {
	return func(w http.ResponseWriter, c awsCall) *awsFault {
		host, _, _ := strings.Cut(c.Host, ":")
		name, rest, _ := strings.Cut(host, ".s3.")
		region := strings.TrimSuffix(rest, ".amazonaws.com")
		bucket, ok := s.store.View().Get(tokenS3Bucket, name)
		if !ok {
			return &awsFault{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist"}
		}
		if in := bucket.Inputs.Str("region"); in != region || in != c.region { // "List of error codes"
			return &awsFault{http.StatusBadRequest, "AuthorizationHeaderMalformed", fmt.Sprintf("The authorization header is malformed; the region '%s' is wrong; expecting '%s'", c.region, in)}
		}
		return do(w, c, bucket)
	}
}

func (s s3API) get(w http.ResponseWriter, c awsCall, bucket resource.Record) *awsFault {
	object, ok := s.find(s.store.View(), resource.Props{"bucket": bucket.ID, "key": c.PathValue("key")})
	if !ok { // GetObject, "Permissions": 404 for who may list the bucket
		return &awsFault{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
	}
	data, err := s.data(object)
	if err != nil {
		return &awsFault{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	s.tag(w, object)
	w.Header().Set("Last-Modified", s.written(object).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // who has gone away gets none
	return nil
}

// put overwrites an object. If-None-Match takes "*" only; a condition that is not met is 412, and a match with nothing is 404.
func (s s3API) put(w http.ResponseWriter, c awsCall, bucket resource.Record) *awsFault {
	none, match := c.Header.Get("If-None-Match"), c.Header.Get("If-Match")
	if none != "" && none != "*" || none != "" && match != "" {
		return &awsFault{http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented"}
	}
	key := c.PathValue("key")
	sum := md5.Sum(c.body) //nolint:gosec // see the import
	object, err := s.objects.put(c.Context(), bucket.ID+"/"+key, "", resource.Props{"bucket": bucket.ID, "key": key}, c.body,
		func(old resource.Record, exists bool) error {
			switch {
			case match != "" && !exists:
				return &awsFault{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
			case none != "" && exists, match != "" && strings.Trim(match, `"`) != old.Computed.Str("etag"):
				return &awsFault{http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"}
			}
			return nil
		},
		func(resource.Record) resource.Props {
			out := resource.Props{"etag": hex.EncodeToString(sum[:]), "versionId": ""}
			if aws.Versioned(s.store.View(), bucket.ID) {
				out["versionId"] = strings.ReplaceAll(uuid.NewString(), "-", "")
			}
			return out
		})
	var refused *awsFault
	if errors.As(err, &refused) {
		return refused
	}
	if err != nil {
		return &awsFault{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	s.tag(w, object)
	w.WriteHeader(http.StatusOK)
	return nil
}

// tag says which object it is, and which version where the bucket keeps them.
func (s s3API) tag(w http.ResponseWriter, object resource.Record) {
	w.Header().Set("ETag", `"`+object.Computed.Str("etag")+`"`)
	if id := object.Computed.Str("versionId"); id != "" {
		w.Header().Set("X-Amz-Version-Id", id)
	}
}

// Error makes a fault an error of the store's transactions.
func (f *awsFault) Error() string { return f.code + ": " + f.message }

// s3Fault is an error in S3's protocol. Source: "REST error responses", S3 API reference.
func s3Fault(w http.ResponseWriter, f awsFault) {
	var words strings.Builder
	_ = xml.EscapeText(&words, []byte(f.message)) // a Builder does not fail
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", w.Header().Get("X-Amzn-Requestid"))
	w.WriteHeader(f.status)
	_, _ = fmt.Fprintf(w, `%s<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>`, xml.Header, f.code, words.String(), w.Header().Get("X-Amzn-Requestid"))
}

var _ error = (*awsFault)(nil)
