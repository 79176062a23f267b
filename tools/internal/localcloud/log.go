package localcloud

import (
	"cmp"
	"log/slog"
	"strings"
)

// logWriter passes each record of a slog handler on as one line.
type logWriter struct{ log func(string, ...any) }

func (w logWriter) Write(p []byte) (int, error) {
	w.log("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// dropTime leaves out the record's time: the line it ends in has one.
func dropTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && cmp.Compare(a.Key, slog.TimeKey) == 0 {
		return slog.Attr{}
	}
	return a
}
