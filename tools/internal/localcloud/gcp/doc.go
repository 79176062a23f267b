// Package gcp is the control plane of the local Google Cloud: models of the resources a gateway region is made of, with
// Google's own checks, outputs and refusals, and their projection to what the data plane must serve.
//
// A region is a function (Cloud Run functions, built from a source object in a bucket into a Docker repository) behind a
// global external Application Load Balancer of its own:
//
//	GlobalForwardingRule -> TargetHttpsProxy -> URLMap -> BackendService -> RegionNetworkEndpointGroup -> Function
//	     GlobalAddress      SSLPolicy, CertificateMap -> CertificateMapEntry -> Certificate -> DnsAuthorization
//	                        ServerTlsPolicy -> TrustConfig
//
// Beside it stand what operates it: secrets that somebody made by hand (resource.Store.AddSecret) and who may read them,
// alerting policies, uptime checks, budgets and the routing of logs. The local Google Cloud writes no metrics, no log entries
// and no bills, so that of those it only refuses what Google would refuse.
//
// References are relative names ("projects/p/global/urlMaps/m"), self links or full resource names, as Google takes them.
package gcp
