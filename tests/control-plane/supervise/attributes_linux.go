package main

import "syscall"

// childAttributes gives the child a group of its own, and lets the kernel kill it if this process is killed first.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
