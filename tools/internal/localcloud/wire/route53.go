package wire

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenHealthCheck = "aws:route53/healthCheck:HealthCheck"
	route53Space     = "https://route53.amazonaws.com/doc/2013-04-01/"
	// route53Region is the region of Route 53's API: "For Amazon Route 53 [...] specify us-east-1" ("Amazon Route 53 endpoints and
	// quotas", AWS General Reference).
	route53Region = "us-east-1"
	// checkCalculated is the type of checks that have no checkers.
	checkCalculated = "CALCULATED"
)

// Route53 is Route 53's API as far as health checks go, GetHealthCheck, GetHealthCheckStatus and UpdateHealthCheck, and the records of zones,
// ListResourceRecordSets and ChangeResourceRecordSets, of which it changes the weights. status is what a check's checkers say. Source: Amazon Route 53 API reference, docs.aws.amazon.com/Route53/latest/APIReference.
func Route53(a Access, store *resource.Store, status func(id string) (probe.Status, bool)) http.Handler {
	r := route53API{store: store, status: status, versions: checkVersions{seen: map[string]checkVersion{}}}
	api := amazon{access: a, service: "route53", faults: []string{"aws", "route53"}, write: awsXMLFault,
		missing: "MissingAuthenticationToken", unknownKey: "InvalidClientTokenId", mismatch: "SignatureDoesNotMatch"}
	mux := http.NewServeMux()
	mux.Handle("GET /2013-04-01/healthcheck/{id}", api.handle(r.of(r.get)))
	mux.Handle("GET /2013-04-01/healthcheck/{id}/status", api.handle(r.of(r.observe)))
	mux.Handle("POST /2013-04-01/healthcheck/{id}", api.handle(r.of(r.update)))
	mux.Handle("GET /2013-04-01/hostedzone/{id}/rrset", api.handle(r.inZone(r.list)))
	mux.Handle("POST /2013-04-01/hostedzone/{id}/rrset", api.handle(r.inZone(r.change)))
	mux.Handle("POST /2013-04-01/hostedzone/{id}/rrset/{$}", api.handle(r.inZone(r.change)))
	mux.Handle("/", api.handle(func(_ http.ResponseWriter, c awsCall) *awsFault {
		return &awsFault{http.StatusBadRequest, "InvalidAction", fmt.Sprintf("The action or operation requested is invalid: %s %s. The local clouds answer "+
			"GetHealthCheck, GetHealthCheckStatus, UpdateHealthCheck, ListResourceRecordSets and ChangeResourceRecordSets.", c.Method, c.URL.Path)} // "Common Errors"
	}))
	return mux
}

// route53API answers calls about health checks and records.
type route53API struct {
	store    *resource.Store
	status   func(id string) (probe.Status, bool)
	versions checkVersions
}

// of finds the health check that a call is about.
func (r *route53API) of(do func(http.ResponseWriter, awsCall, resource.Record) *awsFault) func(http.ResponseWriter, awsCall) *awsFault {
	return func(w http.ResponseWriter, c awsCall) *awsFault {
		if c.region != route53Region {
			return &awsFault{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. "}
		}
		check, ok := r.store.View().Get(tokenHealthCheck, c.PathValue("id"))
		if !ok {
			return noSuchHealthCheck(c.PathValue("id"))
		}
		return do(w, c, check)
	}
}

// noSuchHealthCheck is the answer for an id that nobody has (GetHealthCheck, "Errors").
func noSuchHealthCheck(id string) *awsFault {
	return &awsFault{http.StatusNotFound, "NoSuchHealthCheck", "No health check exists with the specified ID " + id}
}

func (r *route53API) get(w http.ResponseWriter, _ awsCall, check resource.Record) *awsFault {
	return awsXML(w, struct {
		XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHealthCheckResponse"`
		HealthCheck healthCheckXML
	}{HealthCheck: healthCheckOf(check, r.versions.of(check))})
}

// observe answers with one observation for each checker that has probed. Its status is the last result, which is not yet its vote.
func (r *route53API) observe(w http.ResponseWriter, _ awsCall, check resource.Record) *awsFault {
	if check.Inputs.Str("type") == checkCalculated { // GetHealthCheckStatus, HealthCheckId
		return &awsFault{http.StatusBadRequest, "InvalidInput", "The status of a calculated health check cannot be got by GetHealthCheckStatus"}
	}
	var out struct {
		XMLName      xml.Name         `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHealthCheckStatusResponse"`
		Observations []observationXML `xml:"HealthCheckObservations>HealthCheckObservation"`
	}
	seen, _ := r.status(check.ID)
	for i, v := range seen.Votes {
		if v.At.IsZero() {
			continue
		}
		text := "Failure: "
		if v.Last.OK {
			text = "Success: "
		}
		out.Observations = append(out.Observations, observationXML{
			Region: v.Location, IPAddress: fmt.Sprintf("192.0.2.%d", i+1), // no checker has an address here: RFC 5737
			Status: text + v.Last.Reason, CheckedTime: v.At.UTC().Format(time.RFC3339Nano),
		})
	}
	return awsXML(w, out)
}

// update changes what a drain changes. The record is changed in its inputs, from which the checkers are made: a later `up` does not see it,
// and leaves it, unless it refreshes first, as with the real one.
func (r *route53API) update(w http.ResponseWriter, c awsCall, check resource.Record) *awsFault {
	var in updateXML
	if err := xml.Unmarshal(c.body, &in); err != nil || in.XMLName.Local != "UpdateHealthCheckRequest" {
		return &awsFault{http.StatusBadRequest, "InvalidInput", fmt.Sprintf("The request is no UpdateHealthCheckRequest: %v", err)}
	}
	for _, e := range in.Rest {
		return &awsFault{http.StatusBadRequest, "InvalidInput", fmt.Sprintf("The local clouds change Disabled, Inverted and FailureThreshold of a health check by "+
			"this call, and not %s", e.XMLName.Local)}
	}
	if n := in.FailureThreshold; n != nil && (*n < 1 || *n > 10) {
		return &awsFault{http.StatusBadRequest, "InvalidInput", fmt.Sprintf("Invalid parameter : FailureThreshold %d: want 1 to 10", *n)}
	}
	var f *awsFault
	var after resource.Record
	var version int64
	err := r.store.Amend(context.WithoutCancel(c.Context()), func(v resource.View) ([]resource.Record, error) {
		now, ok := v.Get(tokenHealthCheck, check.ID)
		if !ok {
			f = noSuchHealthCheck(check.ID)
			return nil, nil
		}
		if has := r.versions.of(now); in.HealthCheckVersion != nil && *in.HealthCheckVersion != has {
			f = &awsFault{http.StatusConflict, "HealthCheckVersionMismatch", fmt.Sprintf("The value of HealthCheckVersion in the request, %d, doesn't match the value of "+
				"HealthCheckVersion in the health check, %d.", *in.HealthCheckVersion, has)} // UpdateHealthCheck, "Errors"
			return nil, nil
		}
		after = in.amend(now)
		version = r.versions.next(after)
		return []resource.Record{after}, nil
	})
	if err != nil {
		return &awsFault{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	if f != nil {
		return f
	}
	return awsXML(w, struct {
		XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ UpdateHealthCheckResponse"`
		HealthCheck healthCheckXML
	}{HealthCheck: healthCheckOf(after, version)})
}

// checkVersions counts the changes of health checks since the local clouds started, those of deployments as well: HealthCheckVersion is "a
// sequential counter that Amazon Route 53 sets to 1 when you create a health check and increments by 1 each time you update settings"
// (UpdateHealthCheck). Several changes between two looks count as one, which nobody can tell.
type checkVersions struct {
	mu   sync.Mutex
	seen map[string]checkVersion // by id
}

// checkVersion is the number of a health check's settings, and these.
type checkVersion struct {
	number int64
	inputs resource.Props
}

// of is a health check's version.
func (v *checkVersions) of(check resource.Record) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.seen[check.ID]
	if !ok || !reflect.DeepEqual(s.inputs, check.Inputs) {
		s = checkVersion{s.number + 1, check.Inputs}
		v.seen[check.ID] = s
	}
	return s.number
}

// next is the version of a health check whose settings are changed to these.
func (v *checkVersions) next(check resource.Record) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := checkVersion{v.seen[check.ID].number + 1, check.Inputs}
	v.seen[check.ID] = s
	return s.number
}

// awsXML answers with a document.
func awsXML(w http.ResponseWriter, document any) *awsFault {
	b, err := xml.Marshal(document)
	if err != nil {
		return &awsFault{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(append([]byte(xml.Header), b...)) // a client that is gone needs no answer
	return nil
}

// awsXMLFault is an error in Route 53's protocol. Source: "Amazon Route 53 API error responses", developer guide.
func awsXMLFault(w http.ResponseWriter, f awsFault) {
	kind := "Sender"
	if f.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	var words strings.Builder
	_ = xml.EscapeText(&words, []byte(f.message)) // a Builder does not fail
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(f.status)
	_, _ = fmt.Fprintf(w, `%s<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
		xml.Header, route53Space, kind, f.code, words.String(), w.Header().Get("X-Amzn-Requestid"))
}
