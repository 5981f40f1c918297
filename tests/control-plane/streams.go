package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"k8s.io/apimachinery/pkg/types"
	protocols "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	streaming "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// idle ends a stream that nothing comes through; creation bounds the wait for its parts.
const (
	idle     = 10 * time.Minute
	creation = 30 * time.Second
)

// runStreams serves a kubelet's streams for all pods: exec runs a local program and tells its exit code and the end of
// its input, which kwok does not; attach and port-forward send back what comes in. It has no terminals: kwok has.
func runStreams() int {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: streams ADDRESS CERTIFICATE KEY")
		return 2
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", serveExec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", serveAttach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", servePortForward)
	fmt.Fprintln(os.Stderr, "streams:", http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], mux))
	return 1
}

func serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := streaming.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streaming.ServeExec(w, r, pods{}, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"],
		options, idle, creation, protocols.SupportedStreamingProtocols)
}

func serveAttach(w http.ResponseWriter, r *http.Request) {
	options, err := streaming.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streaming.ServeAttach(w, r, pods{}, r.PathValue("pod"), "", r.PathValue("container"), options, idle, creation,
		protocols.SupportedStreamingProtocols)
}

func servePortForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, pods{}, r.PathValue("pod"), "", options, idle, creation,
		portforward.SupportedProtocols)
}

// pods is all of them: none differs from another.
type pods struct{}

func (pods) ExecInContainer(ctx context.Context, _ string, _ types.UID, _ string, command []string, in io.Reader,
	out, errOut io.WriteCloser, tty bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	if tty {
		return errors.New("there are no terminals here")
	}
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	if out != nil {
		child.Stdout = out
	}
	if errOut != nil {
		child.Stderr = errOut
	}
	if in != nil {
		// Not child.Stdin: the wait for the child would also wait for the end of an input that nobody reads any more.
		pipe, err := child.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(pipe, in)
			_ = pipe.Close()
		}()
	}
	err := child.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}

func (pods) AttachContainer(_ context.Context, name string, _ types.UID, _ string, in io.Reader,
	out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize,
) error {
	if out == nil {
		return nil
	}
	if _, err := fmt.Fprintln(out, "attached to", name); err != nil || in == nil {
		return err
	}
	_, err := io.Copy(out, in)
	return err
}

func (pods) PortForward(_ context.Context, _ string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	defer func() { _ = stream.Close() }()
	if _, err := fmt.Fprintf(stream, "port %d\n", port); err != nil {
		return err
	}
	_, err := io.Copy(stream, stream)
	return err
}
