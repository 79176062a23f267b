package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud"
)

func TestSecretValue(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                {"hush", "hush"},
		"a newline at the end": {"hush\n", "hush"},
		"from Windows":         {"hush\r\n", "hush"},
		"several lines":        {"one\ntwo\n\n", "one\ntwo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, func(string) string { return "" })}
			got, err := a.secretValue(strings.NewReader(c.in), "n")
			if err != nil || got != c.want {
				t.Errorf("%q is %q, %v: want %q", c.in, got, err, c.want)
			}
		})
	}
	a := &app{output: newOutput(&bytes.Buffer{}, &bytes.Buffer{}, func(string) string { return "" })}
	if _, err := a.secretValue(strings.NewReader("\n"), "n"); !errors.As(err, new(usageError)) {
		t.Errorf("no value: %v, want a usage error", err)
	}
	// One that is too long is still too long when it is cut: the clouds refuse it and nothing is kept of it.
	if got, err := a.secretValue(strings.NewReader(strings.Repeat("x", localcloud.MaxSecret+100)), "n"); err != nil || len(got) <= localcloud.MaxSecret {
		t.Errorf("a value of too many bytes is cut to %d, %v", len(got), err)
	}
}
