package wire

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"

	"polygate.example/tools/internal/localcloud/aws"
)

// STS is AWS's Security Token Service as far as it says who asks. "No permissions are required to perform this operation." Source:
// GetCallerIdentity, docs.aws.amazon.com/STS/latest/APIReference.
func STS(a Access) http.Handler {
	api := amazon{access: a, service: "sts", faults: []string{"aws"}, write: awsXMLFault,
		missing: "MissingAuthenticationToken", unknownKey: "InvalidClientTokenId", mismatch: "SignatureDoesNotMatch"}
	return api.handle(func(w http.ResponseWriter, c awsCall) *awsFault {
		form, err := url.ParseQuery(string(c.body))
		if err != nil || c.Method != http.MethodPost || form.Get("Action") != "GetCallerIdentity" || form.Get("Version") != "2011-06-15" {
			return &awsFault{http.StatusBadRequest, "InvalidAction", fmt.Sprintf("Could not find operation %s for version %s", form.Get("Action"), form.Get("Version"))}
		}
		return awsXML(w, struct {
			XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
			Arn     string   `xml:"GetCallerIdentityResult>Arn"`
			UserID  string   `xml:"GetCallerIdentityResult>UserId"`
			Account string   `xml:"GetCallerIdentityResult>Account"`
		}{Arn: aws.CallerARN, UserID: aws.CallerID, Account: aws.Account})
	})
}
