// Package witness looks whether what a drill says it broke is broken, and whether what it mended is mended: past the traffic manager, at the
// regions' own names and the APIs themselves.
package witness

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/shared/handler"
	"polygate.example/shared/topology"
	"polygate.example/tools/client"
	"polygate.example/tools/internal/drill"
)

const (
	asked   = 20              // requests for a share of them
	silence = 2 * time.Second // of wall time without an answer is none
	longest = 30 * time.Second
)

// Witness asks regions and APIs directly. All fields are required but Front and Drill.
type Witness struct {
	Topology topology.Topology
	Client   func(timeout time.Duration) (*client.Client, error) // a client with nothing remembered
	Front    string                                              // secret that a front shows to the regions
	Speed    float64
	// Drill is the id of the drill where the gateway fails by its order, and says so in each answer: what fails in another way is somebody else's
	// outage. "" takes any failure.
	Drill string
	// API asks a provider or manager something; its error is what it answers.
	API func(ctx context.Context, target string) error
	// InForce tells what is broken by order.
	InForce func(ctx context.Context) ([]drill.InForce, error)
}

// Look reports whether a fault is there, in all of its regions, or in none of them, and what was seen.
func (w Witness) Look(ctx context.Context, f drill.Fault) (there, gone bool, text string) {
	switch f.Kind {
	case drill.ControlPlaneDown:
		if err := w.API(ctx, f.Target); err != nil {
			return true, false, "its API answers: " + firstLine(err)
		}
		return false, true, "its API answers as it should"
	case drill.DNSStale:
		return w.ordered(ctx, f)
	}
	var texts []string
	var mu sync.Mutex
	var all sync.WaitGroup
	there, gone = true, true
	for _, r := range w.Topology.Regions {
		if r.Name != f.Target && r.Provider != f.Target {
			continue
		}
		all.Go(func() {
			ill, well, text := w.region(ctx, f, r)
			mu.Lock()
			defer mu.Unlock()
			there, gone = there && ill, gone && well
			texts = append(texts, r.Name+" "+text)
		})
	}
	all.Wait()
	slices.Sort(texts)
	return there && len(texts) > 0, gone, strings.Join(texts, "; ")
}

// ordered goes by what the manager's servers were ordered to do: what they should answer otherwise is not to be seen from outside while
// nothing has changed.
func (w Witness) ordered(ctx context.Context, f drill.Fault) (there, gone bool, text string) {
	all, err := w.InForce(ctx)
	if err != nil {
		return false, false, "what is in force cannot be seen: " + firstLine(err)
	}
	for _, x := range all {
		if x.Fault.Kind == f.Kind && x.Fault.Target == f.Target {
			return true, false, "its name servers have been told to answer what they did"
		}
	}
	return false, true, "its name servers answer by what they know"
}

// region looks at one region, whether it has the fault or has nothing of it.
func (w Witness) region(ctx context.Context, f drill.Fault, r topology.Region) (ill, well bool, text string) {
	timeout := silence
	if f.Kind == drill.Latency {
		timeout = min(longest, silence+time.Duration(float64(f.Delay)/w.Speed))
	}
	c, err := w.Client(timeout)
	if err != nil {
		return false, false, firstLine(err)
	}
	defer c.Close()
	url := r.HealthURL
	if f.SparesHealth {
		url = r.URL
	}
	if f.Kind == drill.ErrorRate {
		return w.share(ctx, c, f, url)
	}
	res, err := w.get(ctx, c, url)
	took := time.Duration(float64(res.Times.Done) * w.Speed).Round(10 * time.Millisecond)
	switch ended := new(x509.CertificateInvalidError); {
	case errors.As(err, ended) && ended.Reason == x509.Expired:
		return true, false, "shows a certificate that has ended"
	case err != nil && f.Kind == drill.CertificateExpired:
		return false, false, "does not answer: " + firstLine(err)
	case err != nil && w.Drill != "" && f.Kind != drill.Latency: // which may be longer than anybody waits
		return false, false, "does not answer, which no drill has it do: " + firstLine(err)
	case err != nil:
		return true, false, "does not answer: " + firstLine(err)
	case res.Status >= http.StatusInternalServerError && f.Kind != drill.Latency:
		return w.ordering(res), false, fmt.Sprintf("answers %d", res.Status) + w.whose(res)
	case f.Kind == drill.Latency && took >= f.Delay*9/10:
		return w.ordering(res), false, fmt.Sprintf("answers after %s", took) + w.whose(res)
	}
	return false, true, fmt.Sprintf("answers %d after %s", res.Status, took)
}

// ordering reports whether an answer is by order of this drill, as far as that can be told.
func (w Witness) ordering(res client.Result) bool {
	return w.Drill == "" || res.Header.Get(handler.HeaderDrill) == w.Drill
}

// whose says that an answer is not by order of this drill.
func (w Witness) whose(res client.Result) string {
	if w.ordering(res) {
		return ""
	}
	return ", and not by order of this drill"
}

// share asks several times.
func (w Witness) share(ctx context.Context, c *client.Client, f drill.Fault, url string) (ill, well bool, text string) {
	n, ordered := 0, 0
	for range asked {
		res, err := w.get(ctx, c, url)
		if err != nil || res.Status >= http.StatusInternalServerError {
			n++
			if w.Drill == "" || err == nil && w.ordering(res) {
				ordered++
			}
		}
	}
	// A share may be drawn by chance: half of what is to be expected is enough to know that it is there, and nothing at all that it is gone.
	return float64(ordered) >= max(1, f.Rate*asked/2), n == 0, fmt.Sprintf("answers %d of %d requests with 5xx or not at all", n, asked)
}

func (w Witness) get(ctx context.Context, c *client.Client, url string) (client.Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return client.Result{}, err
	}
	if w.Front != "" {
		req.Header.Set(handler.HeaderFront, w.Front)
	}
	return c.Do(req)
}

// firstLine is what an error says first, without the request that is known already.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if _, after, ok := strings.Cut(text, "GET https://"); ok {
		if _, rest, ok := strings.Cut(after, ": "); ok {
			return rest
		}
	}
	return text
}
