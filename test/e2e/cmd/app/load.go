package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

type summary struct {
	Requests     int            `json:"requests"`
	Failed       int            `json:"failed"`
	Statuses     map[int]int    `json:"statuses"`
	Errors       map[string]int `json:"errors,omitempty"`
	Certificates []string       `json:"certificates"`
}

// load sends requests at a steady pace until the time is over or the file --stop exists. Each request reads the certificate files anew
// and opens a new connection, so a certificate that was rotated badly cannot hide behind an old connection.
func load(ctx context.Context, args []string) (any, error) {
	var r request
	var interval, duration time.Duration
	var stopFile string
	var atLeast int
	err := parse("load", args, r.register, func(f *flag.FlagSet) {
		f.DurationVar(&interval, "interval", 100*time.Millisecond, "pause between requests")
		f.DurationVar(&duration, "duration", 2*time.Minute, "when to stop at the latest")
		f.StringVar(&stopFile, "stop", "", "file whose appearance ends the load")
		f.IntVar(&atLeast, "at-least", 0, "requests to send before the file can end the load")
	})
	if err != nil {
		return nil, err
	}
	if r.body, err = io.ReadAll(os.Stdin); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	total := summary{Statuses: map[int]int{}, Errors: map[string]int{}}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return total, nil
		case <-tick.C:
		}
		if _, err := os.Stat(stopFile); stopFile != "" && err == nil && total.Requests >= atLeast {
			return total, nil
		}
		// A request that has begun is finished: the end of the load is not a failure.
		total.add(r.once(context.WithoutCancel(ctx)))
	}
}

func (r *request) once(ctx context.Context) answer {
	client, err := r.client()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return r.do(ctx, client)
}

func (s *summary) add(a answer) {
	s.Requests++
	s.Statuses[a.Status]++
	if a.Error != "" || a.Status != 200 {
		s.Failed++
		key := a.Error
		if key == "" {
			key = fmt.Sprintf("%d %.200s", a.Status, a.Body)
		}
		s.Errors[key]++
	}
	if n := len(s.Certificates); a.Certificate != "" && (n == 0 || s.Certificates[n-1] != a.Certificate) {
		s.Certificates = append(s.Certificates, a.Certificate)
	}
}
