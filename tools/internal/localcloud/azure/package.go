package azure

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
)

// maxHostJSON bounds what is read of a package's host.json.
const maxHostJSON = 1 << 20

// checkPackage checks what the platform checks of a package when it is published: a zip with a host.json at its root.
// Whether its custom handler starts shows when the data plane runs it.
// Source: learn.microsoft.com/azure/azure-functions/deployment-zip-push ("Requirements": the project root, which
// contains host.json, is the root of the zip) and functions-custom-handlers.
func checkPackage(path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return badRequest("Package deployment failed: %s is not a zip: %v.", ReleasedPackage, err)
	}
	defer func() { _ = z.Close() }() // it was only read
	f, err := z.Open("host.json")
	if err != nil {
		return badRequest("Package deployment failed: %s has no host.json at its root. The root of the zip must be the root of the function app.", ReleasedPackage)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxHostJSON))
	if err != nil {
		return fmt.Errorf("read host.json of %s: %w", path, err)
	}
	var host struct {
		Version       string          `json:"version"`
		CustomHandler json.RawMessage `json:"customHandler"`
	}
	if err := json.Unmarshal(text, &host); err != nil {
		return badRequest("Package deployment failed: host.json is not JSON: %v.", err)
	}
	if host.Version != "2.0" {
		return badRequest("Package deployment failed: host.json has version '%s': want '2.0'.", host.Version)
	}
	if len(host.CustomHandler) == 0 {
		return badRequest("Package deployment failed: host.json has no customHandler, and the app's runtime is 'custom'.")
	}
	return nil
}
