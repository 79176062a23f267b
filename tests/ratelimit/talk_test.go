package ratelimit

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"
)

// talk says a few commands to the server and returns the last line of the answers: no client is needed for that.
func (s *server) talk(commands ...string) string {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+s.port, 5*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	r := bufio.NewReader(c)
	line := ""
	for _, command := range append([]string{"AUTH " + password}, commands...) {
		if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
			s.t.Fatal(err)
		}
		if line, err = r.ReadString('\n'); err != nil || strings.HasPrefix(line, "-") {
			s.t.Fatalf("%s: %q, %v", command, line, err)
		}
	}
	return strings.TrimSpace(line)
}

// counted is how many keys the server has.
func (s *server) counted() (n int) {
	s.t.Helper()
	if _, err := fmt.Sscanf(s.talk("DBSIZE"), ":%d", &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}
