package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// orphanage ends an environment's clouds if the process that stood it up ends without having closed it: killed, or by a test's limit of time. It is
// a shell that waits at the end of a pipe. A line through it says that there is nothing left to end; when nothing comes, the process is gone.
type orphanage struct {
	cmd  *exec.Cmd
	line io.WriteCloser
}

func newOrphanage(bin, root string) (*orphanage, error) {
	cmd := exec.Command("sh", "-c", `read -r line || exec "$PROGRAM" -C "$PROJECT" destroy --force`)
	cmd.Env = append(os.Environ(), "PROGRAM="+bin, "PROJECT="+root) // not among its arguments: by those tests know what an environment has left running
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}            // what is typed to end the test does not end it
	line, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("watch over the local clouds: %w", err)
	}
	return &orphanage{cmd: cmd, line: line}, nil
}

// Close sends it home.
func (o *orphanage) Close() error {
	_, err := io.WriteString(o.line, "closed\n")
	return errors.Join(err, o.line.Close(), o.cmd.Wait())
}
