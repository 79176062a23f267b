package webtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/probe/probetest"
)

const (
	host = "eastus.azure.api.polygate.test"
	day  = 24 * time.Hour
)

// looking is a test from three places every 15 minutes with an alarm where two of them fail.
func looking(change func(*plane.WebTest)) plane.WebTest {
	w := plane.WebTest{
		ID: "test", Host: host, Port: 443, TLS: true, Path: "/health", Places: []string{"east", "west", "south"}, Interval: 15 * time.Minute, Timeout: 30 * time.Second,
		Status: anyStatus, Validate: true, Lasting: 15 * day, Alarms: []plane.TestAlarm{{ID: "rule", Failed: 2}},
	}
	if change != nil {
		change(&w)
	}
	return w
}

// bubble makes tests in a bubble, where time is exact.
func bubble(t *testing.T, dial probe.Dial, roots *x509.CertPool, body func(tests *Tests)) {
	t.Helper()
	tests, err := New(Options{Clock: clock.New(1), Dial: dial, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	body(tests)
	if err := tests.Close(); err != nil {
		t.Error(err)
	}
}

// serving is an endpoint that shows a certificate until then.
func serving(t *testing.T, until time.Time) (*probetest.Endpoint, *x509.CertPool) {
	t.Helper()
	cert, roots := probetest.Certificate(t, host, time.Now().Add(-day), until)
	return &probetest.Endpoint{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Head: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}, roots
}

// An alarm begins when too few days are left, whatever the status is, and ends when another certificate is there.
func TestDaysLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, roots := serving(t, time.Now().Add(15*day+20*time.Minute))
		renewed, _ := serving(t, time.Now().Add(90*day))
		leaf, err := x509.ParseCertificate(renewed.TLS.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(leaf)
		var endpoint atomic.Pointer[probetest.Endpoint]
		endpoint.Store(old)
		dial := func(ctx context.Context, host string, port int) (net.Conn, error) {
			return endpoint.Load().Dial(ctx, host, port)
		}
		bubble(t, dial, roots, func(tests *Tests) {
			if err := tests.Apply([]plane.WebTest{looking(nil)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(16 * time.Minute)
			if a := tests.Alarms()["rule"]; a.On || a.Failing > 0 || a.Of != 3 {
				t.Errorf("with 15 days left: %+v", a)
			}
			time.Sleep(20 * time.Minute)
			a := tests.Alarms()["rule"]
			if !a.On || a.Failing != 3 || !strings.Contains(a.Why, "the certificate ends in ") || time.Since(a.Since) > 20*time.Minute {
				t.Errorf("with fewer: %+v", a)
			}
			endpoint.Store(renewed)
			if err := tests.Apply([]plane.WebTest{looking(func(w *plane.WebTest) { w.Timeout = time.Minute })}); err != nil {
				t.Fatal(err)
			}
			if a := tests.Alarms()["rule"]; !a.On {
				t.Errorf("a change of settings alone ended the alarm: %+v", a)
			}
			time.Sleep(16 * time.Minute)
			if a := tests.Alarms()["rule"]; a.On || a.Why != "" {
				t.Errorf("renewed: %+v", a)
			}
		})
	})
}

// What a certificate must be is looked at only by tests that ask for it; a name that is not in it is wrong.
func TestValid(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*plane.WebTest)
		on     bool
	}{
		{"valid", nil, false},
		{"another name", func(w *plane.WebTest) { w.Host = "westeurope.azure.api.polygate.test" }, true},
		{"another name, not validated", func(w *plane.WebTest) { w.Host, w.Validate = "westeurope.azure.api.polygate.test", false }, false},
		{"a status that is not wanted", func(w *plane.WebTest) { w.Status = 200 }, true},
		{"one that is", func(w *plane.WebTest) { w.Status = 403 }, false},
		{"any below 400", func(w *plane.WebTest) { w.Status = 0 }, true},
		{"four places must fail of three", func(w *plane.WebTest) { w.Status, w.Alarms = 200, []plane.TestAlarm{{ID: "rule", Failed: 4}} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endpoint, roots := serving(t, time.Now().Add(90*day))
				bubble(t, endpoint.Dial, roots, func(tests *Tests) {
					if err := tests.Apply([]plane.WebTest{looking(c.change)}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(16 * time.Minute)
					if a := tests.Alarms()["rule"]; a.On != c.on {
						t.Errorf("the alarm is %+v", a)
					}
				})
			})
		})
	}
}

// With retries a place fails when three attempts in a row have.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		retried bool
		refused int32 // attempts out of four
		on      bool
	}{{true, 2, false}, {true, 3, true}, {false, 1, true}} {
		t.Run(fmt.Sprintf("%v, %d", c.retried, c.refused), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endpoint, roots := serving(t, time.Now().Add(90*day))
				var n atomic.Int32
				dial := func(ctx context.Context, host string, port int) (net.Conn, error) {
					if n.Add(1) <= c.refused {
						return nil, errors.New("refused")
					}
					return endpoint.Dial(ctx, host, port)
				}
				bubble(t, dial, roots, func(tests *Tests) {
					w := looking(func(w *plane.WebTest) {
						w.Retried, w.Places, w.Alarms = c.retried, []string{"east"}, []plane.TestAlarm{{ID: "rule", Failed: 1}}
					})
					if err := tests.Apply([]plane.WebTest{w}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(15*time.Minute + time.Second)
					if a := tests.Alarms()["rule"]; a.On != c.on {
						t.Errorf("after %d attempts the alarm is %+v", n.Load(), a)
					}
				})
			})
		})
	}
}

// Tests that are the same go on, and what has gone has no alarms; after the end there are none.
func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint, roots := serving(t, time.Now().Add(90*day))
		bubble(t, endpoint.Dial, roots, func(tests *Tests) {
			other := looking(func(w *plane.WebTest) { w.ID, w.Alarms = "other", []plane.TestAlarm{{ID: "other rule", Failed: 1}} })
			for _, step := range []struct {
				tests []plane.WebTest
				rules []string
			}{{[]plane.WebTest{looking(nil), other}, []string{"other rule", "rule"}}, {[]plane.WebTest{looking(nil)}, []string{"rule"}}, {nil, nil}} {
				before := tests.running["test"]
				if err := tests.Apply(step.tests); err != nil {
					t.Fatal(err)
				}
				if after := tests.running["test"]; before != nil && after != nil && before != after {
					t.Error("a test that is the same begins anew")
				}
				var rules []string
				for id := range tests.Alarms() {
					rules = append(rules, id)
				}
				if len(rules) == 2 && rules[0] > rules[1] {
					rules[0], rules[1] = rules[1], rules[0]
				}
				if diff := cmp.Diff(step.rules, rules); diff != "" {
					t.Errorf("rules: %s", diff)
				}
			}
			if err := tests.Close(); err != nil {
				t.Error(err)
			}
			if tests.Apply(nil) == nil {
				t.Error("tests are taken after the end")
			}
		})
	})
}
