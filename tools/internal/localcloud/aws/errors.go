package aws

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"polygate.example/tools/internal/localcloud/resource"
)

// Codes of the errors AWS answers with. The ones in generic are not modelled by their service, and the AWS SDK for Go
// then writes "api error" before them (aws-sdk-go-v2, smithy.GenericAPIError).
const (
	codeActionFailed       = "ActionFailed" // not AWS's: an alarm that would tell nobody
	codeBadRequest         = "BadRequestException"
	codeBucketNotEmpty     = "BucketNotEmpty"
	codeBucketOwned        = "BucketAlreadyOwnedByYou"
	codeBucketPolicy       = "MalformedPolicy" // of a bucket: "List of error codes", S3 API reference
	codeConflict           = "ConflictException"
	codeDeleteConflict     = "DeleteConflict"
	codeDuplicateRecord    = "DuplicateRecordException"
	codeEntityExists       = "EntityAlreadyExists"
	codeInvalidArgument    = "InvalidArgument"
	codeInvalidRequest     = "InvalidRequest"
	codeInvalidChangeBatch = "InvalidChangeBatch"
	codeInvalidInput       = "InvalidInput"
	codeInvalidBudget      = "InvalidParameterException"
	codeInvalidTopic       = "InvalidParameter"
	codeInvalidParameter   = "InvalidParameterValueException"
	codeMalformedPolicy    = "MalformedPolicyDocument"
	codeNoSuchBucket       = "NoSuchBucket"
	codeNoSuchEntity       = "NoSuchEntity"
	codeNoSuchHostedZone   = "NoSuchHostedZone"
	codeNotFound           = "NotFoundException"
	codeResourceConflict   = "ResourceConflictException"
	codeResourceExists     = "ResourceAlreadyExistsException"
	codeResourceInUse      = "ResourceInUseException"
	codeResourceNotFound   = "ResourceNotFoundException"
	codeServiceQuota       = "ServiceQuotaExceededException"
	codeServiceUnavailable = "ServiceUnavailable"
	codeUnexpectedState    = "UnexpectedState" // not AWS's: the provider's own waiter gave up
	codeTopicNotFound      = "NotFound"
	codeValidation         = "ValidationException"
	codeValidationError    = "ValidationError"
)

var generic = []string{codeBucketNotEmpty, codeBucketPolicy, codeInvalidArgument, codeInvalidRequest, codeServiceUnavailable, codeValidation, codeValidationError}

// statuses are the HTTP statuses that are not 400 (each service's API reference, "Errors").
var statuses = map[string]int{
	codeBucketNotEmpty: 409, codeBucketOwned: 409, codeNoSuchBucket: 404, codeConflict: 409, codeDeleteConflict: 409, codeEntityExists: 409, codeNoSuchEntity: 404,
	codeNoSuchHostedZone: 404, codeNotFound: 404, codeTopicNotFound: 404, codeResourceConflict: 409, codeServiceQuota: 402, codeServiceUnavailable: 503,
}

// action is one API call as the provider talks about it.
type action struct {
	op        resource.Op
	label, id string // what and which resource
	service   string // as the AWS SDK names it, for example "Lambda"
	call      string // for example "CreateFunction"
}

// refuse is the error of a call: the provider's words around the SDK's words around the service's own.
func (a action) refuse(code, format string, args ...any) error {
	status, ok := statuses[code]
	if !ok {
		status = 400
	}
	message := fmt.Sprintf(format, args...)
	kind := code
	if slices.Contains(generic, code) {
		kind = "api error " + code
	}
	// Errors of two identical calls are identical, so that they can be compared: the request id follows from them.
	h := sha256.Sum256([]byte(a.call + a.id + message))
	return &resource.Error{Code: code, Message: fmt.Sprintf(
		"%s %s (%s): operation error %s: %s, https response error StatusCode: %d, RequestID: %x-%x-%x-%x-%x, %s: %s",
		a.op, a.label, a.id, a.service, a.call, status, h[:4], h[4:6], h[6:8], h[8:10], h[10:16], kind, message)}
}
