//go:build !linux

package main

import "syscall"

// childAttributes gives the child a group of its own. There is no parent-death signal here: killing this process with
// SIGKILL would leave the child behind, so nothing does.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
