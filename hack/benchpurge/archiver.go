package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

const (
	// archiverUser is pt-archiver's login, which goes over the same loopback as ours.
	archiverUser = "archiver"
	// fixedLimit is a limit of pt-archiver that suits most tables. It runs with that of our windows as well, and the better one counts.
	fixedLimit = 10_000
	// archiverName begins the names of the contenders that are pt-archiver.
	archiverName = "pt-archiver, limit "
)

// archive runs pt-archiver with all settings that are known to make it faster: whole chunks are deleted and committed, and only keys are
// read. Its time is the one that it takes itself, from the first query on: starting Perl is not held against it.
func (s *mariaServer) archive(ctx context.Context, t table, limit int) (time.Duration, error) {
	dsn := fmt.Sprintf("h=127.0.0.1,P=%d,u=%s,p=%s,D=%s,t=%s", s.port, archiverUser, s.login, database, t.name)
	cmd := exec.CommandContext(ctx, s.archiver, "--source", dsn, "--purge", "--where", s.due(), "--limit", strconv.Itoa(limit), "--bulk-delete", "--commit-each",
		"--primary-key-only", "--no-check-charset", "--no-version-check", "--nosafe-auto-increment", "--statistics", "--sentinel", filepath.Join(s.dir, "sentinel"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("pt-archiver: %w: %s", err, lastLines(said.Bytes()))
	}
	return archiverTime(out)
}

// action is a line of pt-archiver's statistics: name, count, seconds, percent. The last one is all that the others are not.
var action = regexp.MustCompile(`(?m)^(\w+) +\d+ +(-?[0-9.]+) +-?[0-9.]+$`)

func archiverTime(out []byte) (time.Duration, error) {
	var seconds float64
	var last string
	for _, line := range action.FindAllSubmatch(out, -1) {
		n, err := strconv.ParseFloat(string(line[2]), 64)
		if err != nil {
			return 0, err
		}
		seconds, last = seconds+n, string(line[1])
	}
	if last != "other" || seconds <= 0 {
		return 0, errors.New("pt-archiver has printed no times: " + lastLines(out))
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
