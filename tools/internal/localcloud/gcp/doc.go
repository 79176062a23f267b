// Package gcp is the control plane of the local Google Cloud: models of the resources a gateway region is made of, with
// Google's own checks, outputs and refusals, and their projection to what the data plane must serve.
package gcp
