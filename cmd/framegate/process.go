package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// process is a process that is measured from outside, with the children it has at that moment: nginx and HAProxy work in those.
type process struct{ pids []int }

// clockTick is the unit of CPU times in /proc: USER_HZ is 100 wherever Go runs Linux.
const clockTick = 10 * time.Millisecond

// findProcess looks the process up. It is an error where there is none, and on systems without /proc.
func findProcess(pid int) (process, error) {
	if runtime.GOOS != "linux" {
		return process{}, errors.New("CPU and memory of another process can be measured on Linux only; leave --pid away")
	}
	if _, err := statOf(pid); err != nil {
		return process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	children, err := childrenByParent()
	if err != nil {
		return process{}, err
	}
	p := process{pids: []int{pid}}
	for i := 0; i < len(p.pids); i++ {
		p.pids = append(p.pids, children[p.pids[i]]...)
	}
	return p, nil
}

func childrenByParent() (map[int][]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if s, err := statOf(pid); err == nil { // else it has just ended
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	return children, nil
}

// cpu is the time all threads have spent so far, user and system.
func (p process) cpu() (sum time.Duration, err error) {
	for _, pid := range p.pids {
		s, err := statOf(pid)
		if err != nil {
			return 0, fmt.Errorf("CPU of process %d: %w", pid, err)
		}
		sum += s.cpu
	}
	return sum, nil
}

// resident is the memory held at this moment, in bytes (RSS).
func (p process) resident() (sum int64, err error) {
	for _, pid := range p.pids {
		s, err := statOf(pid)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += s.resident
	}
	return sum, nil
}

// stat is what /proc/PID/stat says, see proc_pid_stat(5).
type stat struct {
	parent   int
	cpu      time.Duration
	resident int64
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return stat{}, errors.New("there is no such process")
	}
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// parseStat reads the fields after the command's name, which is in parentheses and may itself hold spaces and parentheses.
func parseStat(text []byte) (stat, error) {
	const parent, user, system, pages = 1, 11, 12, 21
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= pages {
		return stat{}, fmt.Errorf("/proc/PID/stat has %d fields after the name, want more than %d", len(fields), pages)
	}
	var n [pages + 1]int64
	for _, i := range []int{parent, user, system, pages} {
		v, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		n[i] = v
	}
	return stat{
		parent:   int(n[parent]),
		cpu:      time.Duration(n[user]+n[system]) * clockTick,
		resident: n[pages] * int64(os.Getpagesize()),
	}, nil
}
