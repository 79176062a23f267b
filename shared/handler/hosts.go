package handler

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"polygate.example/shared/health"
)

// refuseForeignHosts answers 421 to a request by a name that is not the gateway's, whatever its path: health checks use the
// gateway's names like everybody. Some clouds give a function a name of their own that cannot be switched off (Azure's
// *.azurewebsites.net), and by it a client would come around whatever stands before the names that are ours. 421 says that
// no authoritative answer can be given for this target (RFC 9110, section 15.5.20). Without names every host is served.
func refuseForeignHosts(next http.Handler, hosts []string, log *slog.Logger) http.Handler {
	if len(hosts) == 0 {
		return next
	}
	guard := guarding("hosts", log)
	ours := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		ours[canonicalHost(h)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ours[canonicalHost(r.Host)] {
			guard.deny(w, r, fail(http.StatusMisdirectedRequest, "This gateway does not answer for the host that was asked for."), "the host is none of the gateway's")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// canonicalHost is a host in the one spelling that is compared: lower case, without port and without the dot that may end a
// full name (RFC 3986, section 3.2.2). No name of ours is an IP literal, so that a colon begins a port.
func canonicalHost(host string) string {
	host, _, _ = strings.Cut(host, ":")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// hostsFrom reads the names of the gateway from the environment: separated by commas, all hosts when it is unset.
func hostsFrom(getenv func(string) string) ([]string, error) {
	text := getenv(health.EnvHosts)
	if text == "" {
		return nil, nil
	}
	hosts := strings.Split(text, ",")
	for i, h := range hosts {
		if hosts[i] = canonicalHost(strings.TrimSpace(h)); hosts[i] == "" {
			return nil, fmt.Errorf("%s is %q: want names separated by commas, for example api.example.com,use1.aws.api.example.com", health.EnvHosts, text)
		}
	}
	return hosts, nil
}
