package wire

import (
	"encoding/xml"

	"polygate.example/tools/internal/localcloud/resource"
)

// healthCheckXML is the data type HealthCheck of Route 53's API.
type healthCheckXML struct {
	Id                 string
	CallerReference    string
	HealthCheckConfig  configXML
	HealthCheckVersion int64
}

// configXML is the data type HealthCheckConfig, as far as the local clouds have it, in the order of its schema.
type configXML struct {
	IPAddress                string    `xml:",omitempty"`
	Port                     int       `xml:",omitempty"`
	Type                     string    `xml:",omitempty"`
	ResourcePath             string    `xml:",omitempty"`
	FullyQualifiedDomainName string    `xml:",omitempty"`
	SearchString             string    `xml:",omitempty"`
	RequestInterval          int       `xml:",omitempty"`
	FailureThreshold         int       `xml:",omitempty"`
	MeasureLatency           bool      `xml:",omitempty"`
	Inverted                 bool      // always there
	Disabled                 bool      // always there
	HealthThreshold          *int      `xml:",omitempty"`
	ChildHealthChecks        *[]string `xml:"ChildHealthChecks>ChildHealthCheck,omitempty"`
	EnableSNI                bool      `xml:",omitempty"`
	Regions                  *[]string `xml:"Regions>Region,omitempty"`
	RoutingControlArn        string    `xml:",omitempty"`
}

// healthCheckOf is a record in Route 53's own form.
func healthCheckOf(check resource.Record, version int64) healthCheckXML {
	all := check.Outputs()
	c := configXML{
		Type: all.Str("type"), IPAddress: all.Str("ipAddress"), Port: all.Int("port"), ResourcePath: all.Str("resourcePath"),
		FullyQualifiedDomainName: all.Str("fqdn"), SearchString: all.Str("searchString"), RequestInterval: all.Int("requestInterval"),
		FailureThreshold: all.Int("failureThreshold"), MeasureLatency: all.Bool("measureLatency"), EnableSNI: all.Bool("enableSni"),
		Inverted: all.Bool("invertHealthcheck"), Disabled: all.Bool("disabled"), RoutingControlArn: all.Str("routingControlArn"),
	}
	if c.Type == checkCalculated {
		n, children := all.Int("childHealthThreshold"), all.Strings("childHealthchecks")
		c.HealthThreshold, c.ChildHealthChecks = &n, &children
	}
	if regions := all.Strings("regions"); len(regions) > 0 {
		c.Regions = &regions
	}
	reference := all.Str("referenceName")
	if reference == "" {
		reference = check.ID
	}
	return healthCheckXML{Id: check.ID, CallerReference: reference, HealthCheckConfig: c, HealthCheckVersion: version}
}

// observationXML is the data type HealthCheckObservation.
type observationXML struct {
	Region      string
	IPAddress   string
	Status      string `xml:"StatusReport>Status"`
	CheckedTime string `xml:"StatusReport>CheckedTime"`
}

// updateXML is the body of UpdateHealthCheck.
type updateXML struct {
	XMLName            xml.Name
	HealthCheckVersion *int64
	FailureThreshold   *int
	Disabled           *bool
	Inverted           *bool
	Rest               []struct{ XMLName xml.Name } `xml:",any"`
}

// amend is a record with what an update says. Elements that are not there change nothing.
func (u updateXML) amend(check resource.Record) resource.Record {
	in := resource.Props{}
	if u.Disabled != nil {
		in["disabled"] = *u.Disabled
	}
	if u.Inverted != nil {
		in["invertHealthcheck"] = *u.Inverted
	}
	if n := u.FailureThreshold; n != nil && *n != check.Outputs().Int("failureThreshold") {
		in["failureThreshold"] = float64(*n)
		check.Computed = check.Computed.With(resource.Props{"failureThreshold": float64(*n)})
	}
	check.Inputs = check.Inputs.With(in)
	return check
}
