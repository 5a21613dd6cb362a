package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Kill ends a program in a pod's container at once, as the kernel does with one that takes too much memory. It kills processes alone
// that run in that container by their control group, and whose program has that name.
func (l *Lab) Kill(ctx context.Context, namespace, pod, program string) error {
	var p corev1.Pod
	if err := l.Get(ctx, &p, "-n", namespace, "pod/"+pod); err != nil {
		return err
	}
	if len(p.Status.ContainerStatuses) != 1 || p.Status.ContainerStatuses[0].State.Running == nil {
		return fmt.Errorf("pod %s has no running container", pod)
	}
	_, container, _ := strings.Cut(p.Status.ContainerStatuses[0].ContainerID, "://")
	if container == "" {
		return fmt.Errorf("pod %s has a container without an ID", pod)
	}
	var pids []int
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	for _, file := range groups {
		group, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(group, []byte(container)) {
			continue // another's, or ended meanwhile
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		name, _, _ := bytes.Cut(command, []byte{0})
		pid, number := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && number == nil && filepath.Base(string(name)) == program {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 1 {
		return fmt.Errorf("pod %s runs %s as %d processes, want 1", pod, program, len(pids))
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		return err
	}
	return l.Wait(ctx, 30*time.Second, "the killed container to end", func(ctx context.Context) (bool, string, error) {
		if err := l.Get(ctx, &p, "-n", namespace, "pod/"+pod); err != nil {
			return false, "", err
		}
		ended := p.Status.ContainerStatuses[0].State.Terminated
		return ended != nil && ended.ExitCode == 137, fmt.Sprintf("%+v", p.Status.ContainerStatuses[0].State), nil
	})
}
