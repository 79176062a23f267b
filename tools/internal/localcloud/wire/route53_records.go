package wire

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenRecord = "aws:route53/record:Record"
	tokenZone   = "aws:route53/zone:Zone"
	// maxRecords: "ListResourceRecordSets returns up to 300 resource record sets at a time" (ListResourceRecordSets).
	maxRecords = 300
)

// inZone finds the hosted zone that a call is about.
func (r *route53API) inZone(do func(http.ResponseWriter, awsCall, string) *awsFault) func(http.ResponseWriter, awsCall) *awsFault {
	return func(w http.ResponseWriter, c awsCall) *awsFault {
		if c.region != route53Region {
			return &awsFault{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. "}
		}
		id := c.PathValue("id")
		if _, ok := r.store.View().Get(tokenZone, id); !ok {
			return &awsFault{http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: " + id}
		}
		return do(w, c, id)
	}
}

// recordSetXML is the data type ResourceRecordSet, in the order of its schema.
type recordSetXML struct {
	Name          string
	Type          string
	SetIdentifier string       `xml:",omitempty"`
	Weight        *int         `xml:",omitempty"`
	Region        string       `xml:",omitempty"`
	GeoLocation   *geoXML      `xml:",omitempty"`
	Failover      string       `xml:",omitempty"`
	TTL           *int         `xml:",omitempty"`
	Values        *[]string    `xml:"ResourceRecords>ResourceRecord>Value,omitempty"`
	AliasTarget   *aliasXML    `xml:",omitempty"`
	HealthCheckId string       `xml:",omitempty"`
	Rest          []unknownXML `xml:",any"`
}

type geoXML struct {
	ContinentCode   string `xml:",omitempty"`
	CountryCode     string `xml:",omitempty"`
	SubdivisionCode string `xml:",omitempty"`
}

type aliasXML struct {
	HostedZoneId         string
	DNSName              string
	EvaluateTargetHealth bool
}

type unknownXML struct{ XMLName xml.Name }

// recordSetOf is a record in Route 53's own form: names are absolute and in lower case (ResourceRecordSet, Name).
func recordSetOf(r resource.Record) recordSetXML {
	in := r.Inputs
	out := recordSetXML{Name: r.Computed.Str("fqdn") + ".", Type: in.Str("type"), SetIdentifier: in.Str("setIdentifier"), HealthCheckId: in.Str("healthCheckId")}
	for _, p := range in.Objects("weightedRoutingPolicies") {
		n := p.Int("weight")
		out.Weight = &n
	}
	for _, p := range in.Objects("latencyRoutingPolicies") {
		out.Region = p.Str("region")
	}
	for _, p := range in.Objects("failoverRoutingPolicies") {
		out.Failover = p.Str("type")
	}
	for _, p := range in.Objects("geolocationRoutingPolicies") {
		out.GeoLocation = &geoXML{p.Str("continent"), p.Str("country"), p.Str("subdivision")}
	}
	for _, a := range in.Objects("aliases") {
		out.AliasTarget = &aliasXML{a.Str("zoneId"), strings.ToLower(strings.TrimSuffix(a.Str("name"), ".")) + ".", a.Bool("evaluateTargetHealth")}
	}
	if out.AliasTarget == nil {
		ttl, values := in.Int("ttl"), in.Strings("records")
		out.TTL, out.Values = &ttl, &values
	}
	return out
}

// order sorts as the list is: "first by DNS name with the labels reversed, for example: com.example.www. Note the trailing dot, which can
// change the sort order", then by type, then by identifier (ListResourceRecordSets).
func (s recordSetXML) order() string {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(s.Name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + ".\x00" + s.Type + "\x00" + s.SetIdentifier
}

// records are those of a zone that a deployment made, sorted. The zone's own SOA and NS are not among them.
func (r *route53API) records(v resource.View, zone string) []resource.Record {
	out := slices.DeleteFunc(v.List(tokenRecord), func(rec resource.Record) bool {
		return strings.TrimPrefix(rec.Inputs.Str("zoneId"), "/hostedzone/") != zone
	})
	slices.SortFunc(out, func(a, b resource.Record) int { return strings.Compare(recordSetOf(a).order(), recordSetOf(b).order()) })
	return out
}

// list is ListResourceRecordSets.
func (r *route53API) list(w http.ResponseWriter, c awsCall, zone string) *awsFault {
	q := c.URL.Query()
	if q.Get("type") != "" && q.Get("name") == "" {
		return &awsFault{http.StatusBadRequest, "InvalidInput", "A record type is given, and no name to begin with"}
	}
	most := maxRecords
	if n, err := strconv.Atoi(q.Get("maxitems")); err == nil && n > 0 {
		most = min(n, maxRecords)
	}
	var out struct {
		XMLName              xml.Name       `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListResourceRecordSetsResponse"`
		Sets                 []recordSetXML `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated          bool
		NextRecordName       string `xml:",omitempty"`
		NextRecordType       string `xml:",omitempty"`
		NextRecordIdentifier string `xml:",omitempty"`
		MaxItems             int
	}
	out.MaxItems = most
	from := ""
	if q.Get("name") != "" {
		from = recordSetXML{Name: q.Get("name"), Type: q.Get("type"), SetIdentifier: q.Get("identifier")}.order()
	}
	for _, rec := range r.records(r.store.View(), zone) {
		set := recordSetOf(rec)
		if set.order() < from {
			continue
		}
		if len(out.Sets) == most {
			out.IsTruncated, out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = true, set.Name, set.Type, set.SetIdentifier
			break
		}
		out.Sets = append(out.Sets, set)
	}
	return awsXML(w, out)
}

// changesXML is the body of ChangeResourceRecordSets.
type changesXML struct {
	XMLName xml.Name
	Changes []struct {
		Action string
		Set    recordSetXML `xml:"ResourceRecordSet"`
	} `xml:"ChangeBatch>Changes>Change"`
}

// change is ChangeResourceRecordSets, as far as a ramp goes: the weights of records that are there. Whoever sends one has to send all that
// the record is to have ("UPSERT: [...] If a resource record set does exist, Route 53 updates it with the values in the request", Change,
// Action), so that what is not sent back is refused here. All changes are made, or none. A later `up` does not see it, unless it refreshes.
func (r *route53API) change(w http.ResponseWriter, c awsCall, zone string) *awsFault {
	var in changesXML
	if err := xml.Unmarshal(c.body, &in); err != nil || in.XMLName.Local != "ChangeResourceRecordSetsRequest" || len(in.Changes) == 0 {
		return &awsFault{http.StatusBadRequest, "InvalidInput", fmt.Sprintf("The request is no ChangeResourceRecordSetsRequest with changes: %v", err)}
	}
	var f *awsFault
	err := r.store.Amend(context.WithoutCancel(c.Context()), func(v resource.View) ([]resource.Record, error) {
		var out []resource.Record
		for _, change := range in.Changes {
			rec, fault, err := r.reweigh(c.Context(), v, zone, change.Action, change.Set)
			if fault != nil || err != nil {
				f = fault
				return nil, err
			}
			out = append(out, rec)
		}
		return out, nil
	})
	if err != nil {
		return &awsFault{http.StatusBadRequest, "InvalidChangeBatch", err.Error()}
	}
	if f != nil {
		return f
	}
	return awsXML(w, struct {
		XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsResponse"`
		Id          string   `xml:"ChangeInfo>Id"`
		Status      string   `xml:"ChangeInfo>Status"`
		SubmittedAt string   `xml:"ChangeInfo>SubmittedAt"`
	}{Id: "/change/C" + strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", ""))[:20], Status: "PENDING", SubmittedAt: time.Now().UTC().Format(time.RFC3339)})
}

// reweigh is a record with the weight that it is to have, if its type allows it.
func (r *route53API) reweigh(ctx context.Context, v resource.View, zone, action string, set recordSetXML) (resource.Record, *awsFault, error) {
	refuse := func(format string, args ...any) (resource.Record, *awsFault, error) {
		return resource.Record{}, &awsFault{http.StatusBadRequest, "InvalidInput", fmt.Sprintf(format, args...)}, nil
	}
	if action != "UPSERT" || set.Weight == nil {
		return refuse("The local clouds change the weights of records by this call, and do not %s %s", action, set.Name)
	}
	records := r.records(v, zone)
	i := slices.IndexFunc(records, func(rec resource.Record) bool { return recordSetOf(rec).order() == set.order() })
	if i < 0 {
		return refuse("The local clouds change records by this call that are there, and %s %s %q is not", set.Name, set.Type, set.SetIdentifier)
	}
	rec := records[i]
	now := recordSetOf(rec)
	now.Weight = set.Weight
	if !reflect.DeepEqual(now, set) {
		return refuse("The local clouds change the weight of %s %q by this call, and nothing else of it", set.Name, set.SetIdentifier)
	}
	cloud := aws.Cloud()
	kind, err := cloud.Type(tokenRecord)
	if err != nil {
		return rec, nil, err
	}
	after := rec.Inputs.With(resource.Props{"weightedRoutingPolicies": []any{resource.Props{"weight": float64(*set.Weight)}}})
	computed, err := kind.Update(ctx, resource.NewEnv(r.store, cloud, resource.Services{}), rec, after)
	if err != nil {
		return rec, nil, err
	}
	rec.Inputs, rec.Computed = after, rec.Computed.With(computed)
	return rec, nil, nil
}
