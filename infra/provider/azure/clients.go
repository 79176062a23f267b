package azure

import (
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/gateway"
)

// certificates says why no policy can go by clients' certificates. With clientCertEnabled App Service "injects an X-ARR-ClientCert request header
// with the client certificate", and that is all that is said of the header ("Configure TLS mutual authentication for Azure App Service", "Access
// client certificate", learn.microsoft.com/azure/app-service/app-service-web-configure-tls-mutual-auth). Of Client-IP Microsoft says that "App
// Service will overwrite any existing header" (github.com/Azure/app-service-linux-docs, Things_You_Should_Know/headers.md), of this one nowhere:
// so it is not known what becomes of one that a client has written itself, without a certificate or beside it. Nor could health checks pass in mode
// Required: paths are excluded by TLS renegotiation alone, which TLS 1.3 and HTTP/2 do not have (the same page, "Client certificate and TLS
// renegotiation"). So the site is not told to ask, and the function not to believe the header (POLYGATE_FRONT_CERTIFICATE).
func certificates(settings.Settings, gateway.Spec, gateway.ClientCertificate) *provider.Objection {
	return &provider.Objection{
		Reason: "no document of Microsoft's says that App Service takes off an X-ARR-ClientCert header that a client writes itself, so that azure does not go by it",
		Remedy: "leave regions of azure out, or find out who calls by another policy, such as signature",
	}
}
