// Command supervise runs one program for as long as somebody holds its standard input open. Whoever starts it keeps the
// other end of that pipe; when that process ends, however it ends, the kernel closes the pipe and the program is killed.
//
//	supervise PROGRAM [ARGUMENT...]   run the program; lines on standard input are signals for it: stop, cont, term, hup, kill
//	supervise -remove FOLDER          wait for the end of standard input, then remove the folder
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// removal bounds the tries to remove a folder: other processes that write there end at the same moment as we begin.
const removal = 20 * time.Second

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "-remove":
		os.Exit(removeAfterInput(os.Args[2]))
	case len(os.Args) >= 2 && os.Args[1] != "-remove":
		os.Exit(run(os.Args[1:]))
	default:
		fmt.Fprintln(os.Stderr, "usage: supervise PROGRAM [ARGUMENT...] | supervise -remove FOLDER")
		os.Exit(2)
	}
}

// run starts the program, obeys standard input, and returns the program's exit code.
func run(arguments []string) int {
	// The parent-death signal belongs to the thread that starts the child, so this thread must live as long as we do.
	runtime.LockOSThread()
	child := exec.Command(arguments[0], arguments[1:]...)
	child.Stdout = os.Stdout
	child.Stderr = os.Stderr
	child.SysProcAttr = childAttributes()
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		return 127
	}
	go obey(child.Process.Pid)
	err := child.Wait()
	// What the program itself has started (a local shell for an exec, say) is in its group and ends with it.
	_ = syscall.Kill(-child.Process.Pid, syscall.SIGKILL)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	default:
		return 128
	}
}

// obey turns lines of standard input into signals, and its end into a kill of the program's whole group.
func obey(group int) {
	signals := map[string]syscall.Signal{
		"stop": syscall.SIGSTOP,
		"cont": syscall.SIGCONT,
		"term": syscall.SIGTERM,
		"hup":  syscall.SIGHUP,
		"kill": syscall.SIGKILL,
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if signal, known := signals[lines.Text()]; known {
			_ = syscall.Kill(-group, signal)
		}
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
}

// removeAfterInput refuses a path that is not absolute: the folder is removed with all it holds, long after it was named.
func removeAfterInput(folder string) int {
	if !filepath.IsAbs(folder) || filepath.Dir(folder) == folder {
		fmt.Fprintln(os.Stderr, "supervise: not an absolute path of a folder:", folder)
		return 2
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	var err error
	for deadline := time.Now().Add(removal); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = os.RemoveAll(folder); err == nil {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, "supervise:", err)
	return 1
}
