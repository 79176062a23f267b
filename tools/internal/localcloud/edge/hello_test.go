package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// clientHello is what crypto/tls sends first with a configuration.
func clientHello(t testing.TB, cfg *tls.Config) []byte {
	t.Helper()
	c := &recorder{}
	if err := tls.Client(c, cfg).Handshake(); err == nil {
		t.Fatal("handshake with nobody succeeded")
	}
	return c.sent.Bytes()
}

// recorder is a connection that keeps what is written and ends when read, or replays what it is given.
type recorder struct {
	sent bytes.Buffer
	in   io.Reader
}

func (c *recorder) Read(p []byte) (int, error) {
	if c.in == nil {
		return 0, io.EOF
	}
	return c.in.Read(p)
}
func (c *recorder) Write(p []byte) (int, error)      { return c.sent.Write(p) }
func (c *recorder) Close() error                     { return nil }
func (c *recorder) LocalAddr() net.Addr              { return nil }
func (c *recorder) RemoteAddr() net.Addr             { return nil }
func (c *recorder) SetDeadline(time.Time) error      { return nil }
func (c *recorder) SetReadDeadline(time.Time) error  { return nil }
func (c *recorder) SetWriteDeadline(time.Time) error { return nil }

// records spreads the handshake message of one TLS record over records of n bytes.
func records(hello []byte, n int) []byte {
	var out []byte
	for msg := hello[5:]; len(msg) > 0; {
		part := msg[:min(n, len(msg))]
		out = append(out, 22, 3, 1)
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
		msg = msg[len(part):]
	}
	return out
}

func TestServerName(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "API.polygate.test"})
	tests := []struct {
		name string
		in   []byte
		want string
		err  error
	}{
		{"TLS 1.3", hello, "api.polygate.test", nil},
		{"TLS 1.2", clientHello(t, &tls.Config{ServerName: "api.polygate.test", MaxVersion: tls.VersionTLS12}), "api.polygate.test", nil},
		{"spread over records", records(hello, 7), "api.polygate.test", nil},
		{"more behind it", append(bytes.Clone(hello), 1, 2, 3), "api.polygate.test", nil},
		{"longest name", clientHello(t, &tls.Config{ServerName: strings.Repeat("a.", 120) + "test"}), strings.Repeat("a.", 120) + "test", nil},
		{"no name", clientHello(t, &tls.Config{InsecureSkipVerify: true}), "", errNoName},
		{"an address is no name", clientHello(t, &tls.Config{ServerName: "127.0.0.1"}), "", errNoName},
		{"nothing yet", nil, "", errNeedMore},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), "", errNotTLS},
		{"SSL 2", []byte{0x80, 0x2e, 1, 3, 1}, "", errNotTLS},
		{"alert", []byte{21, 3, 1, 0, 2, 2, 40}, "", errNotTLS},
		{"server hello", []byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, "", errNotTLS},
		{"empty record", []byte{22, 3, 1, 0, 0}, "", errNotTLS},
		{"record above 2^14", []byte{22, 3, 1, 0x40, 1}, "", errNotTLS},
		{"hello above our bound", []byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, "", errNotTLS},
		{"empty hello", []byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, "", errNotTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := serverName(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%q, %v: want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
	t.Run("every prefix asks for more", func(t *testing.T) {
		for _, h := range [][]byte{hello, records(hello, 100)} {
			for i := range h {
				if _, err := serverName(h[:i]); !errors.Is(err, errNeedMore) {
					t.Fatalf("%d of %d bytes: %v, want errNeedMore", i, len(h), err)
				}
			}
		}
	})
}

// FuzzServerName compares with crypto/tls: whatever name that reads out of a hello, we must read too. It accepts less
// than we do, as it looks at more of the hello.
func FuzzServerName(f *testing.F) {
	for _, cfg := range []*tls.Config{
		{ServerName: "api.polygate.test"}, {ServerName: "a.test", MaxVersion: tls.VersionTLS12},
		{InsecureSkipVerify: true}, {ServerName: "h2.test", NextProtos: []string{"h2", "http/1.1"}},
	} {
		h := clientHello(f, cfg)
		f.Add(h)
		f.Add(records(h, 50))
		f.Add(h[:len(h)/2])
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	errSeen := errors.New("seen")
	f.Fuzz(func(t *testing.T, data []byte) {
		name, err := serverName(data)
		if (name == "") == (err == nil) {
			t.Fatalf("name %q with error %v", name, err)
		}
		var theirs string
		seen := false
		_ = tls.Server(&recorder{in: bytes.NewReader(data)}, &tls.Config{
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				theirs, seen = h.ServerName, true
				return nil, errSeen
			},
		}).HandshakeContext(context.Background())
		if seen && theirs != "" && canonical(theirs) != name {
			t.Errorf("crypto/tls reads %q, we read %q (%v)", theirs, name, err)
		}
		if seen && theirs == "" && !errors.Is(err, errNoName) {
			t.Errorf("crypto/tls finds no name, we say %q, %v", name, err)
		}
	})
}
