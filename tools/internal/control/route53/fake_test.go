package route53

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"polygate.example/shared/topology"
)

// fake is Route 53 and a cluster of routing controls, as they are on the wire.
type fake struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	checks   map[string]*fakeCheck
	controls map[string]string // state by ARN
	conflict string            // why the cluster refuses changes
	refusals int               // how many it refuses; 0 for all of them
	throttle int               // requests of Route 53 that are still to be refused
	lost     bool              // Route 53 does not answer
	away     map[string]string // error that an endpoint of the cluster answers with, by its path
	now, max int               // requests of Route 53 at a time, and the most there were
	log      []string          // requests: of Route 53 by method and path, of the cluster by endpoint and operation
	bodies   []string          // of changes
	records  []string          // of the zone Z1, in the list's order: one a page
}

// lead is a record with a weight, in Route 53's own form.
func lead(name, id, value string, weight int) string {
	return fmt.Sprintf(`<ResourceRecordSet><Name>%s.</Name><Type>CNAME</Type><SetIdentifier>%s</SetIdentifier><Weight>%d</Weight><TTL>30</TTL>`+
		`<ResourceRecords><ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords><HealthCheckId>c-%[2]s</HealthCheckId></ResourceRecordSet>`, name, id, weight, value)
}

// zone answers for the records: pages of one, from the identifier on that is asked for.
func (f *fake) zone(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method == http.MethodPost {
		f.bodies = append(f.bodies, string(body))
		fmt.Fprint(w, `<?xml version="1.0"?><ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id>`+
			`<Status>PENDING</Status><SubmittedAt>2030-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>`)
		return
	}
	at := 0
	_, _ = fmt.Sscanf(r.URL.Query().Get("identifier"), "next-%d", &at)
	if at == 0 && r.URL.Query().Get("name") != "api.example.com" {
		f.t.Errorf("the list begins at %q", r.URL.Query().Get("name"))
	}
	set, more := "", ""
	if at < len(f.records) {
		set = f.records[at]
	}
	if at+1 < len(f.records) {
		more = fmt.Sprintf("<NextRecordName>x.</NextRecordName><NextRecordType>CNAME</NextRecordType><NextRecordIdentifier>next-%d</NextRecordIdentifier>", at+1)
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>%s</ResourceRecordSets>`+
		`<IsTruncated>%t</IsTruncated>%s<MaxItems>1</MaxItems></ListResourceRecordSetsResponse>`, set, more != "", more)
}

// fakeCheck is a health check.
type fakeCheck struct {
	disabled, inverted bool
	version            int
	behind             bool // it is changed between any look and the change that follows
	observations       []string
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, checks: map[string]*fakeCheck{}, controls: map[string]string{}, away: map[string]string{}}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if target, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "ToggleCustomerAPI."); ok {
		f.cluster(w, strings.Trim(r.URL.Path, "/"), target, body)
		return
	}
	f.mu.Lock()
	f.log = append(f.log, r.Method+" "+r.URL.Path)
	f.now++
	f.max = max(f.max, f.now)
	f.mu.Unlock()
	time.Sleep(2 * time.Millisecond) // so that requests meet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now--
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>%s</Code>`+
			`<Message>of the fake</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code)
	}
	if strings.HasPrefix(r.URL.Path, "/2013-04-01/hostedzone/Z1/rrset") && !f.lost {
		f.zone(w, r, body)
		return
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/2013-04-01/healthcheck/"), "/")
	check := f.checks[id]
	switch {
	case f.lost:
		refuse(503, "ServiceUnavailable")
	case f.throttle > 0:
		f.throttle--
		refuse(400, "Throttling")
	case check == nil:
		refuse(404, "NoSuchHealthCheck")
	case what == "status":
		fmt.Fprintf(w, `<?xml version="1.0"?><GetHealthCheckStatusResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HealthCheckObservations>%s`+
			`</HealthCheckObservations></GetHealthCheckStatusResponse>`, strings.Join(check.observations, ""))
	case r.Method == http.MethodGet:
		f.write(w, "GetHealthCheckResponse", id)
		if check.behind {
			check.version++
		}
	default:
		f.bodies = append(f.bodies, string(body))
		var in struct {
			HealthCheckVersion int
			Disabled, Inverted *bool
		}
		if err := xml.Unmarshal(body, &in); err != nil {
			f.t.Error(err)
		}
		if in.HealthCheckVersion != check.version {
			refuse(409, "HealthCheckVersionMismatch")
			return
		}
		check.disabled, check.inverted, check.version = *in.Disabled, *in.Inverted, check.version+1
		f.write(w, "UpdateHealthCheckResponse", id)
	}
}

func (f *fake) write(w io.Writer, name, id string) {
	c := f.checks[id]
	fmt.Fprintf(w, `<?xml version="1.0"?><%[1]s xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HealthCheck><Id>%s</Id><CallerReference>x</CallerReference>`+
		`<HealthCheckConfig><Port>443</Port><Type>HTTPS</Type><FailureThreshold>2</FailureThreshold><Inverted>%t</Inverted><Disabled>%t</Disabled>`+
		`</HealthCheckConfig><HealthCheckVersion>%d</HealthCheckVersion></HealthCheck></%[1]s>`, name, id, c.inverted, c.disabled, c.version)
}

// observed is what one checker saw.
func observed(status, at string) string {
	return `<HealthCheckObservation><Region>us-east-1</Region><IPAddress>15.177.0.1</IPAddress><StatusReport><Status>` + status +
		`</Status><CheckedTime>` + at + `</CheckedTime></StatusReport></HealthCheckObservation>`
}

// cluster answers as an endpoint does: two controls a page, so that there are several.
func (f *fake) cluster(w http.ResponseWriter, endpoint, operation string, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, endpoint+" "+operation)
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":"of the fake %s"}`, code, f.conflict)
	}
	if code := f.away[endpoint]; code != "" {
		status := 500
		if code == "ThrottlingException" {
			status = 400
		}
		refuse(status, code)
		return
	}
	var in struct {
		ControlPanelArn, NextToken       string
		UpdateRoutingControlStateEntries []struct{ RoutingControlArn, RoutingControlState string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Error(err)
	}
	if operation == "ListRoutingControls" {
		const page = 2
		first := 0
		if in.NextToken != "" {
			fmt.Sscan(in.NextToken, &first)
		}
		var controls []map[string]string
		for i := first; i < min(first+page, len(f.controls)); i++ {
			controls = append(controls, map[string]string{"RoutingControlArn": arn(i), "RoutingControlState": f.controls[arn(i)], "ControlPanelArn": in.ControlPanelArn})
		}
		out := map[string]any{"RoutingControls": controls}
		if first+page < len(f.controls) {
			out["NextToken"] = fmt.Sprint(first + page)
		}
		json.NewEncoder(w).Encode(out)
		return
	}
	f.bodies = append(f.bodies, string(body))
	if f.conflict != "" {
		refuse(400, "ConflictException")
		if f.refusals--; f.refusals == 0 {
			f.conflict = ""
		}
		return
	}
	for _, e := range in.UpdateRoutingControlStateEntries {
		f.controls[e.RoutingControlArn] = e.RoutingControlState
	}
	fmt.Fprint(w, "{}")
}

func arn(i int) string {
	return fmt.Sprintf("arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/%02d", i)
}

// topology is of n regions that are there.
func (f *fake) topology(n int) topology.Topology {
	t := topology.Topology{Environment: "test", Manager: "route53", Details: map[string]string{}}
	for i := range n {
		id := fmt.Sprintf("check-%d", i)
		f.checks[id] = &fakeCheck{version: 7}
		t.Regions = append(t.Regions, topology.Region{Name: fmt.Sprintf("aws/%d", i), Provider: "aws", HealthCheck: id})
	}
	return t
}

// switched is a topology of n regions with routing controls, all of them on, and three endpoints.
func (f *fake) switched(n int) topology.Topology {
	t := f.topology(n)
	for i, r := range t.Regions {
		f.controls[arn(i)] = "On"
		t.Details["routingControlArn:"+r.Name] = arn(i)
	}
	var endpoints []string
	for _, region := range []string{"us-east-1", "eu-west-1", "us-west-2"} {
		endpoints = append(endpoints, region+"="+f.URL+"/"+region)
	}
	t.Details["clusterEndpoints"] = strings.Join(endpoints, ",")
	return t
}

func (f *fake) manager(t topology.Topology) *Manager {
	f.t.Helper()
	m, err := New(aws.Config{Region: "us-east-1", BaseEndpoint: &f.URL, HTTPClient: f.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}, t)
	if err != nil {
		f.t.Fatal(err)
	}
	m.pause = time.Millisecond
	if m.cluster != nil {
		m.cluster.wait = 0
	}
	return m
}

// count is how many requests the log has that contain the words.
func (f *fake) count(words string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, l := range f.log {
		if strings.Contains(l, words) {
			n++
		}
	}
	return n
}
