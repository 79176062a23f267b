package azure

import (
	"fmt"
	"net/http"

	"polygate.example/tools/internal/localcloud/resource"
)

// Codes of refusals that tests and callers tell apart. Azure has many more; these are the ones the models give.
const (
	CodeBadRequest     = "BadRequest"
	CodeConflict       = "Conflict"
	CodeExists         = "AlreadyExists" // the provider's own refusal to adopt what is there
	CodeGroupNotFound  = "ResourceGroupNotFound"
	CodeNotFound       = "ResourceNotFound"
	CodeAccountTaken   = "StorageAccountAlreadyTaken"
	CodeConversion     = "StorageAccountTypeConversionNotAllowed"
	CodeRoleExists     = "RoleAssignmentExists"
	CodeRoleUnknown    = "RoleDefinitionDoesNotExist"
	CodeNoPrincipal    = "PrincipalNotFound"
	CodeInvalidID      = "LinkedInvalidPropertyId"
	CodeTemplate       = "InvalidTemplate"
	CodeStorageDenied  = "AuthorizationPermissionMismatch"    // blob service: the caller has no data role
	CodeKeyDenied      = "KeyBasedAuthenticationNotPermitted" // blob service: the account takes no key
	CodeBlobNotFound   = "BlobNotFound"
	CodeContainer      = "ContainerNotFound"
	CodeUnavailable    = "ServiceUnavailable"
	CodeIdentityFailed = "FailedIdentityOperation"
	CodeInternal       = "InternalServerError"
)

// refuse is an error in the form the azure-native provider shows a reply of Resource Manager.
func refuse(status int, code, format string, a ...any) error {
	return &resource.Error{Code: code, Message: fmt.Sprintf("Status=%d Code=%q Message=%q", status, code, fmt.Sprintf(format, a...))}
}

func badRequest(format string, a ...any) error {
	return refuse(http.StatusBadRequest, CodeBadRequest, format, a...)
}

func conflict(format string, a ...any) error {
	return refuse(http.StatusConflict, CodeConflict, format, a...)
}

// groupNotFound is what Resource Manager answers to anything put into a resource group that does not exist.
func groupNotFound(group string) error {
	return refuse(http.StatusNotFound, CodeGroupNotFound, "Resource group '%s' could not be found.", group)
}

// notFound is what Resource Manager answers about a resource that does not exist.
// Source: "Resolve errors for resource not found", learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found.
func notFound(id ID) error {
	return refuse(http.StatusNotFound, CodeNotFound,
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		id.Type(), id.Name(), id.Group)
}

// exists is the provider's refusal to create what is there: Resource Manager itself would update it.
// Source: pulumi-azure-native, provider.go ("cannot create already existing resource").
func exists(id string) error {
	return &resource.Error{Code: CodeExists, Message: fmt.Sprintf("cannot create already existing resource %q", id)}
}
