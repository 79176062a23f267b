package deploy

import (
	"fmt"
	"iter"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Progress is one thing the engine did.
type Progress struct {
	Op       string // create, update, replace, delete, same, read
	Type     string // Pulumi type token
	Name     string // logical name
	Finished bool   // false when it has only begun
	Failed   bool
	Done     int // resources finished so far, components and unchanged ones included
}

// watcher folds the engine's event stream into progress and, for a failure, its reasons.
type watcher struct {
	events  eventStream
	over    chan struct{}
	reasons chan []string
}

func watch(report func(Progress)) *watcher {
	w := &watcher{events: make(eventStream), over: make(chan struct{}), reasons: make(chan []string, 1)}
	go func() {
		var reasons []string
		done := 0
		for e := range w.stream() {
			if m, finished, failed, ok := step(e); ok {
				if finished {
					done++
				}
				report(Progress{Op: string(m.Op), Type: m.Type, Name: name(m.URN), Finished: finished, Failed: failed, Done: done})
			}
			if d := e.DiagnosticEvent; d != nil && d.Severity == "error" && !noise(d) {
				reasons = append(reasons, reason(d))
			}
		}
		w.reasons <- reasons
	}()
	return w
}

// stream yields events until the Automation API closes the channel or the command is over. A command that ends before it
// opens its event log, as one does whose stack is locked, never gets the channel closed (sdk 3.261, eventsServer); one that
// did open it has had every event taken by the time it returns, because the channel holds none.
func (w *watcher) stream() iter.Seq[events.EngineEvent] {
	return func(yield func(events.EngineEvent) bool) {
		for {
			select {
			case e, open := <-w.events:
				if !open || !yield(e) {
					return
				}
			case <-w.over:
				return
			}
		}
	}
}

// wait returns the failures' reasons. It is called when the command is over.
func (w *watcher) wait() []string {
	close(w.over)
	return <-w.reasons
}

func step(e events.EngineEvent) (m apitype.StepEventMetadata, finished, failed, ok bool) {
	switch {
	case e.ResourcePreEvent != nil:
		return e.ResourcePreEvent.Metadata, false, false, true
	case e.ResOutputsEvent != nil:
		return e.ResOutputsEvent.Metadata, true, false, true
	case e.ResOpFailedEvent != nil:
		return e.ResOpFailedEvent.Metadata, true, true, true
	}
	return m, false, false, false
}

// noise is the engine's closing remark that something failed, which repeats what the resource said.
func noise(d *apitype.DiagnosticEvent) bool {
	return d.URN == "" && strings.TrimSpace(untag(d.Message)) == "update failed"
}

func reason(d *apitype.DiagnosticEvent) string {
	msg := strings.TrimSpace(untag(d.Message))
	if d.URN == "" {
		return msg
	}
	return fmt.Sprintf("%s: %s", name(d.URN), msg)
}

// name is the last part of a URN.
func name(urn string) string {
	if i := strings.LastIndex(urn, "::"); i >= 0 {
		return urn[i+2:]
	}
	return urn
}

// untag removes the colour directives (`<{%reset%}>`) that Pulumi leaves in messages.
func untag(s string) string {
	var b strings.Builder
	for {
		start := strings.Index(s, "<{%")
		if start < 0 {
			break
		}
		end := strings.Index(s[start:], "%}>")
		if end < 0 {
			break
		}
		b.WriteString(s[:start])
		s = s[start+end+len("%}>"):]
	}
	b.WriteString(s)
	return b.String()
}
