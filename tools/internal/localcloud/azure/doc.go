// Package azure is the control plane of the local Azure: models of the Resource Manager resources a gateway region is
// made of, with Azure's own checks, outputs and refusals, and their projection to what the data plane must serve.
package azure
