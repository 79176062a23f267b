package devserver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// lines is a slog.Handler that makes one short line of each record of a gateway. What it knows it shortens; all else is name=value.
type lines struct {
	say   func(format string, args ...any)
	attrs []slog.Attr
}

// NewLog is a gateway's log for a terminal.
func NewLog(say func(format string, args ...any)) *slog.Logger { return slog.New(lines{say: say}) }

// Enabled leaves out what is for debugging the gateway itself, health checks among it.
func (l lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle prints a record.
func (l lines) Handle(_ context.Context, r slog.Record) error {
	var all []slog.Attr
	all = append(all, l.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		all = append(all, a)
		return true
	})
	values := map[string]slog.Value{}
	for _, a := range all {
		values[a.Key] = a.Value
	}
	text := func(key string) string { return values[key].String() }
	switch r.Message {
	case "request":
		line := fmt.Sprintf("%s %s %s", text("status"), text("method"), text("host")+text("path"))
		if route := text("route"); route != "" {
			line += " by " + route
		}
		if target := text("target"); target != "" {
			line += " -> " + target
		}
		l.say("%s", printable(fmt.Sprintf("%s in %s, %s bytes", line, values["took"].Duration().Round(10*time.Microsecond), text("bytes"))))
	case "denied":
		l.say("%s", printable(fmt.Sprintf("%s denied by %s: %s", text("status"), denier(text("policy"), text("route")), text("why"))))
	default:
		line := strings.ToLower(r.Level.String()) + ": " + r.Message
		for _, a := range all {
			line += " " + a.String()
		}
		l.say("%s", printable(line))
	}
	return nil
}

// denier says who denies: a policy on a route, or one of the gateway's own guards, of paths and the like, whose names are in brackets and which act before
// there is a route.
func denier(policy, route string) string {
	if guard, own := strings.CutPrefix(policy, "("); own {
		return "the gateway's guard of " + strings.TrimSuffix(guard, ")")
	}
	by := "the policy " + policy
	if route != "" {
		by += " of " + route
	}
	return by
}

// WithAttrs is a log whose records have more attributes.
func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

// WithGroup ignores groups, which a gateway's log has none of.
func (l lines) WithGroup(string) slog.Handler { return l }

// printable is text without what would move a terminal's cursor: a client writes some of it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

var _ slog.Handler = lines{}
