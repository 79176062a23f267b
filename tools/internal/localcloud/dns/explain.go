package dns

import (
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"
)

// Explanation is an answer with the decisions that led to it.
type Explanation struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Rcode  string   `json:"rcode"` // NOERROR, NXDOMAIN, REFUSED, SERVFAIL ...
	Steps  []Step   `json:"steps,omitempty"`
	Answer []string `json:"answer,omitempty"` // in zone file form
}

// Step is the choice within one record set.
type Step struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Policy     string      `json:"policy"` // simple or failover
	Candidates []Candidate `json:"candidates"`
	Chosen     int         `json:"chosen"`              // index into Candidates
	FailOpen   bool        `json:"fail_open,omitempty"` // chosen though unhealthy, because none is healthy
	Why        string      `json:"why"`
}

// Candidate is one record of a set.
type Candidate struct {
	SetIdentifier string `json:"set_identifier,omitempty"`
	Failover      string `json:"failover,omitempty"` // PRIMARY or SECONDARY
	Target        string `json:"target"`             // values, or "alias <name>"
	HealthCheck   string `json:"health_check,omitempty"`
	Healthy       bool   `json:"healthy"`
	Why           string `json:"why"`
}

// Explain answers a query and says which record of each set was chosen and why. qtype is a type's name, such as "A".
func (s *Server) Explain(name, qtype string) (Explanation, error) {
	t, ok := mdns.StringToType[strings.ToUpper(qtype)]
	if !ok {
		return Explanation{}, fmt.Errorf("explain %s: %q is not a record type", name, qtype)
	}
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(name), t)
	w := s.newWalk()
	m := s.answerWith(w, q)
	e := Explanation{Name: display(name), Type: mdns.TypeToString[t], Rcode: mdns.RcodeToString[m.Rcode], Steps: w.steps}
	for _, rr := range m.Answer {
		e.Answer = append(e.Answer, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return e, nil
}
