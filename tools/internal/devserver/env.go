package devserver

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ReadEnv reads a file of variables, a line each: NAME=value. Lines that are empty or begin with # are skipped, "export " before a name is
// left off, and quotes around a value are no part of it; between double ones \n, \" and \\ are what they stand for. An error names the line and
// shows nothing of it: it may hold a secret.
func ReadEnv(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	out := map[string]string{}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || !variableName.MatchString(name) {
			return nil, fmt.Errorf("%s:%d:1: the line is no variable; write NAME=value", path, n)
		}
		if value, err = unquoted(strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s:%d:1: the value of %s %w", path, n, name, err)
		}
		out[name] = value
	}
	return out, nil
}

func unquoted(v string) (string, error) {
	if v == "" || v[0] != '"' && v[0] != '\'' {
		return v, nil
	}
	if len(v) < 2 || v[len(v)-1] != v[0] {
		return "", errors.New("has no closing quote; write one, on the same line")
	}
	inner := v[1 : len(v)-1]
	if v[0] == '"' {
		inner = strings.NewReplacer(`\n`, "\n", `\"`, `"`, `\\`, `\`).Replace(inner)
	}
	return inner, nil
}
