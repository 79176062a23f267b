package gcp

import (
	"fmt"
	"regexp"
	"strings"
)

// secretPattern is the form of a secret's full name. Source: Secret Manager API, projects.secrets.create, secretId: up to 255
// letters, digits, hyphens and underscores.
var secretPattern = regexp.MustCompile(`^projects/[a-z0-9][a-z0-9:.-]*/secrets/[a-zA-Z0-9_-]{1,255}$`)

// secretName says what is wrong with the full name of a secret.
func secretName(name string) error {
	if strings.Contains(name, "/versions/") {
		return fmt.Errorf("%q names a version: want the secret's name without the version: one more is made with each value", name)
	}
	if !secretPattern.MatchString(name) {
		return fmt.Errorf("%q is no secret of Secret Manager: want projects/<project>/secrets/<name>", name)
	}
	return nil
}
