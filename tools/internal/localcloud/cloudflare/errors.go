package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"

	"polygate.example/tools/internal/localcloud/resource"
)

// Codes of the errors Cloudflare answers with. Those of load balancing: cloudflare/terraform-provider-cloudflare issues 133
// (1002), 6275 (1003) and 66 (1005). Those of DNS: favonia/cloudflare-ddns issue 990 (81054), HermanMartinus/bearblog issue
// 105 (81053), jeessy2/ddns-go issue 1378 (81058), timothymiller/cloudflare-ddns issues 179 (9021) and 230 (9005),
// wherelse/cloudflare-ddns-script issue 15 (9006), stephenou/fruitionsite issue 79 (1004). That of rulesets:
// cloudflare/terraform-provider-cloudflare issue 6273. Cloudflare publishes no list; where nobody has shown the words of a
// refusal, they are ours, and so is codeRules.
const (
	codeNotFound      = 1001
	codeValidation    = 1002
	codeNotUnique     = 1003
	codeReferenced    = 1005
	codeRoute         = 7003 // an id that is none, or of somebody else's
	codeRecordInvalid = 1004 // DNS validation
	codeIPv4          = 9005
	codeIPv6          = 9006
	codeAddressTaken  = 81053 // an address or alias is there already
	codeAliasTaken    = 81054
	codeIdentical     = 81058
	codeTTL           = 9021
	codeRuleset       = 20217
	codeRules         = 20127
	codeServiceDown   = 10000
)

// statuses are the HTTP statuses that are not 400.
var statuses = map[int]int{codeNotFound: 404, codeReferenced: 412, codeRoute: 404, codeServiceDown: 503}

// call is one API call as the provider talks about it.
type call struct{ method, path string }

// refuse is the error of a call, as pulumi-cloudflare shows it: the provider's words around the API's own document.
func (c call) refuse(code int, format string, args ...any) error {
	status, ok := statuses[code]
	if !ok {
		status = http.StatusBadRequest
	}
	type problem struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	body, err := json.Marshal(struct {
		Result   any       `json:"result"`
		Success  bool      `json:"success"`
		Errors   []problem `json:"errors"`
		Messages []any     `json:"messages"`
	}{Errors: []problem{{code, fmt.Sprintf(format, args...)}}, Messages: []any{}})
	if err != nil { // texts and numbers always encode
		body = []byte(err.Error())
	}
	return &resource.Error{Code: fmt.Sprint(code), Message: fmt.Sprintf("failed to make http request: %s %q: %d %s %s",
		c.method, "https://api.cloudflare.com/client/v4/"+c.path, status, http.StatusText(status), body)}
}

// invalid is a refusal of load balancing's validation.
func (c call) invalid(format string, args ...any) error {
	return c.refuse(codeValidation, "%s: validation failed", fmt.Sprintf(format, args...))
}

// outage is how the API answers when it is not there.
func outage(op resource.Op, label, id string) error {
	c := call{map[resource.Op]string{resource.OpCreate: "POST", resource.OpUpdate: "PUT", resource.OpDelete: "DELETE"}[op], label + "/" + id}
	if c.method == "" {
		c.method = "GET"
	}
	return c.refuse(codeServiceDown, "service failure")
}

// inAccount refuses an account that is not the token's. Source: "Could not route to /zones/..., perhaps your object identifier
// is invalid?", code 7003, cloudflare/terraform-provider-cloudflare issue 4958.
func (c call) inAccount(in resource.Props) error {
	if in.Str("accountId") != Account {
		return c.refuse(codeRoute, "Could not route to /client/v4/%s, perhaps your object identifier is invalid?", c.path)
	}
	return nil
}

// inZone finds the zone of an object.
func (c call) inZone(v resource.View, in resource.Props) (resource.Record, error) {
	z, ok := v.Get(tokenZone, in.Str("zoneId"))
	if !ok {
		return z, c.refuse(codeRoute, "Could not route to /client/v4/%s, perhaps your object identifier is invalid?", c.path)
	}
	return z, nil
}
