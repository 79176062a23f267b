package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/shared/gateway"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/process"
)

// addressesFree reports all addresses that local clouds could not listen on, each with who holds it as far as that can be
// told, before anything is started.
func (a *app) addressesFree(opts localcloud.Options) error {
	var problems []string
	var held []io.Closer // until all were tried: two dials with one address are a problem too
	defer func() {
		for _, h := range held {
			_ = h.Close() // it was only tried
		}
	}()
	for _, want := range []struct {
		dial, network string
		at            netip.AddrPort
	}{{"dns", "udp", opts.DNS}, {"dns", "tcp", opts.DNS}, {"edge", "tcp", opts.Edge}, {"origin", "tcp", opts.Origin}} {
		h, err := listen(want.network, want.at)
		if err == nil {
			held = append(held, h)
			continue
		}
		why := err.Error()
		if errors.Is(err, syscall.EADDRINUSE) {
			why = "is taken" + holder(want.network, want.at)
		}
		problems = append(problems, fmt.Sprintf("polygate:localClouds.%s: %s over %s %s", want.dial, want.at, strings.ToUpper(want.network), why))
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("the local clouds of %q cannot listen where the stack file says:\n  %s\nfree the addresses, or give others in %s; the targets that name the origin, in %s, change with it",
		a.stack, strings.Join(problems, "\n  "), settings.Path(a.root, a.stack), a.document())
}

func listen(network string, at netip.AddrPort) (io.Closer, error) {
	if network == "udp" {
		return net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
	}
	return net.ListenTCP(network, net.TCPAddrFromAddrPort(at))
}

// holder says who holds an address and, when it is polygate, how to end that.
func holder(network string, at netip.AddrPort) string {
	pid, command, ok := process.Listener(network, at)
	if !ok {
		return ""
	}
	if root, environment, ok := cloudsOf(command); ok {
		return fmt.Sprintf(" by the local clouds of %s: `polygate -C %s -s %s local stop` ends them", root, shellQuote(root), environment)
	}
	return fmt.Sprintf(" by process %d (%s)", pid, filepath.Base(command[0])) // its arguments may hold secrets
}

// cloudsOf says whose local clouds a command line runs, as launchClouds starts them: polygate -C <root> -s <env> local serve.
func cloudsOf(command []string) (root, environment string, ok bool) {
	if len(command) >= 7 && command[1] == "-C" && command[3] == "-s" && command[5] == "local" && command[6] == "serve" {
		return command[2], command[4], true
	}
	return "", "", false
}

// strayClouds finds local clouds of this environment that run although the folder that would tell of them was removed.
func (a *app) strayClouds() (pid int, found bool) {
	s, err := a.localSettings()
	if err != nil {
		return 0, false
	}
	for _, address := range []string{s.LocalClouds.Edge, s.LocalClouds.Origin, s.LocalClouds.DNS} {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			continue
		}
		pid, command, ok := process.Listener("tcp", at)
		if !ok {
			continue
		}
		if root, environment, ok := cloudsOf(command); ok && root == a.root && environment == a.stack {
			return pid, true
		}
	}
	return 0, false
}

// warnLoopback tells of targets on this machine that are not the local clouds' origin: right when a service of the user's
// own listens there, and a dial that was changed in one place only otherwise.
func (a *app) warnLoopback(s settings.Settings, model *gateway.Model) {
	for _, note := range a.loopbackNotes(s, model) {
		a.step("note: %s", note)
	}
}

// loopbackNotes is what warnLoopback tells.
func (a *app) loopbackNotes(s settings.Settings, model *gateway.Model) (notes []string) {
	if s.LocalClouds == nil {
		return nil
	}
	origin, err := netip.ParseAddrPort(s.LocalClouds.Origin)
	if err != nil {
		return nil // settings have said so
	}
	for _, target := range loopbackTargets(model, origin) {
		notes = append(notes, fmt.Sprintf("%s sends requests to %s, and the origin of the local clouds listens on %s (polygate:localClouds.origin): is another service meant?",
			a.document(), target, origin))
	}
	return notes
}

// warnIdle tells of dials that have no effect with the rest of the stack file.
func (a *app) warnIdle(s settings.Settings) error {
	found, err := infra.Warnings(a.root, s)
	for _, w := range found {
		a.step("warning: %s", w)
	}
	return err
}

// loopbackTargets lists the targets on this machine that are elsewhere than at an address, sorted, each once.
func loopbackTargets(model *gateway.Model, but netip.AddrPort) []string {
	var found []string
	look := func(targets []gateway.Target) {
		for _, t := range targets {
			u, err := url.Parse(t.URL)
			if err != nil {
				continue // the model has refused it
			}
			ip, err := netip.ParseAddr(u.Hostname())
			if local := u.Hostname() == "localhost" || err == nil && ip.IsLoopback(); !local {
				continue
			}
			if u.Port() == fmt.Sprint(but.Port()) && (err != nil || ip == but.Addr()) {
				continue
			}
			found = append(found, u.Scheme+"://"+u.Host)
		}
	}
	for _, name := range model.Upstreams() {
		up, _ := model.Upstream(name)
		look(up.Targets)
		for _, r := range up.Regions {
			look(r.Targets)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
