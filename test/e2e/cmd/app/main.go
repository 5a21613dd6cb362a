// Command app plays the shop's application in end-to-end tests: it calls the gateway as a real client would, and it looks for what it
// should not find. Test equipment, in an image of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: app COMMAND [flags]

  wait      do nothing until the pod ends
  call      send standard input to a URL and print the answer as JSON
  load      send standard input again and again and print a summary as JSON
  dial      try to open TCP connections and print which of them opened as JSON
  search    look for standard input in environment and files; print where it is as JSON
  touch     make empty files
`

// commands print their result to standard output as one JSON object. An error means that the command itself could not work.
var commands = map[string]func(ctx context.Context, args []string) (any, error){
	"call":   call,
	"load":   load,
	"dial":   dial,
	"search": search,
	"touch":  touch,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		<-ctx.Done()
		return
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		stop()
		os.Exit(1)
	}
}

func touch(_ context.Context, files []string) (any, error) {
	for _, file := range files {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return nil, err
		}
	}
	return struct{}{}, nil
}

func run(ctx context.Context) error {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		return fmt.Errorf("no such command\n%s", usage)
	}
	result, err := commands[os.Args[1]](ctx, os.Args[2:])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
