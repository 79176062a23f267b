package gcp

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Name patterns.
const (
	// rfc1035 is the form of Compute Engine names. Source: "Naming resources", cloud.google.com/compute/docs/naming-resources.
	rfc1035 = `^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`
	// functionName: Source: cloudfunctions.v2 Function.name and "Cloud Run functions quotas": up to 63 characters.
	functionName = `^[a-z]([-a-z0-9_]{0,61}[a-z0-9])?$`
	// certificateManagerName: Source: provider schema of certificatemanager.DnsAuthorization.name.
	certificateManagerName = `^[a-zA-Z][a-zA-Z0-9_-]{0,63}$`
	// accountID: Source: provider schema of serviceaccount.Account.accountId: 6 to 30 characters.
	accountID = `^[a-z]([-a-z0-9]{4,28}[a-z0-9])$`
	// bucketName without the rules a pattern cannot tell, see checkBucketName.
	bucketName = `^[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]$`
	// projectID: Source: cloud.google.com/resource-manager/docs/creating-managing-projects.
	projectID = `^[a-z][-a-z0-9]{4,28}[a-z0-9]$`
)

// regions are the Cloud Run regions with the short code that stands in default URLs.
// Source: "Cloud Run locations", cloud.google.com/run/docs/locations; the codes are seen in *.a.run.app names.
var regions = map[string]string{
	"africa-south1": "bq", "asia-east1": "de", "asia-east2": "df", "asia-northeast1": "an", "asia-northeast2": "dt",
	"asia-northeast3": "du", "asia-south1": "el", "asia-south2": "em", "asia-southeast1": "as", "asia-southeast2": "et",
	"australia-southeast1": "ts", "australia-southeast2": "km", "europe-central2": "lm", "europe-north1": "lz",
	"europe-southwest1": "no", "europe-west1": "ew", "europe-west10": "oe", "europe-west12": "og", "europe-west2": "nw",
	"europe-west3": "ey", "europe-west4": "ez", "europe-west6": "oa", "europe-west8": "oc", "europe-west9": "od",
	"me-central1": "ww", "me-central2": "wx", "me-west1": "zf", "northamerica-northeast1": "nn",
	"northamerica-northeast2": "pd", "southamerica-east1": "rj", "southamerica-west1": "tl", "us-central1": "uc",
	"us-east1": "ue", "us-east4": "uk", "us-east5": "ul", "us-south1": "vp", "us-west1": "uw", "us-west2": "wl",
	"us-west3": "wm", "us-west4": "wn",
}

// multiRegions are bucket locations beside the regions. Source: "Bucket locations", cloud.google.com/storage/docs/locations.
var multiRegions = []string{"US", "EU", "ASIA", "NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}

func knownBucketLocation(s string) bool {
	_, ok := regions[strings.ToLower(s)]
	return ok || slices.Contains(multiRegions, strings.ToUpper(s))
}

// checkBucketName holds the rules of bucket names that no pattern can tell.
// Source: "About Cloud Storage buckets", cloud.google.com/storage/docs/buckets#naming.
func checkBucketName(name string) error {
	switch {
	case strings.HasPrefix(name, "goog"), strings.Contains(name, "google"), strings.Contains(name, "g00gle"):
		return invalid("Invalid bucket name: '%s': a name cannot begin with \"goog\" or contain \"google\"", name)
	case strings.Contains(name, ".."), strings.Contains(name, ".-"), strings.Contains(name, "-."):
		return invalid("Invalid bucket name: '%s': a dot cannot stand beside a dot or a dash", name)
	}
	for part := range strings.SplitSeq(name, ".") {
		if len(part) > 63 {
			return invalid("Invalid bucket name: '%s': each part between dots is at most 63 characters long", name)
		}
	}
	if !strings.Contains(name, ".") && len(name) > 63 {
		return invalid("Invalid bucket name: '%s': a name without dots is 3 to 63 characters long", name)
	}
	return nil
}

// prefixes are the spellings a reference may come in besides the plain relative name.
var prefixes = []string{
	"https://www.googleapis.com/compute/v1/", "https://compute.googleapis.com/compute/v1/",
	"//compute.googleapis.com/", "//certificatemanager.googleapis.com/", "https://certificatemanager.googleapis.com/v1/",
	"//networksecurity.googleapis.com/", "https://networksecurity.googleapis.com/v1/", "/",
}

// relative cuts a self link or full resource name down to "projects/...", in which records are compared.
func relative(ref string) string {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(ref, p); ok {
			return rest
		}
	}
	return ref
}

// selfLink is the compute URL of a relative name.
func selfLink(rel string) string { return "https://www.googleapis.com/compute/v1/" + rel }

// last is the final segment of a name.
func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// short derives n lower-case letters and digits from parts: an identifier Google would draw, stable across runs so that
// a stack put up again finds its records unchanged.
func short(n int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:n]
}

// digits derives n decimal digits from parts, the first of them not zero.
func digits(n int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	var b strings.Builder
	for i := range n {
		d := sum[i%len(sum)] % 10
		if i == 0 && d == 0 {
			d = 1
		}
		fmt.Fprintf(&b, "%d", d)
	}
	return b.String()
}

// uuid derives a UUID-shaped id from parts.
func uuid(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}
