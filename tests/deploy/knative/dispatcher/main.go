// What Knative's RabbitMQ broker does with an event, in one small program: an ingress that puts it
// into RabbitMQ, a dispatcher that takes it out and tries to deliver it, and what queue-proxy does
// in front of a function. What the releases do differently are switches of it.
//
// Each part prints a line of JSON for each thing that it has done.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

var printing sync.Mutex

// report prints one line.
func report(line map[string]any) {
	printing.Lock()
	defer printing.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

func main() {
	roles := map[string]func(context.Context, *flag.FlagSet, []string) error{
		"ingress":  ingress,
		"dispatch": dispatch,
		"proxy":    proxy,
	}
	role, known := roles[os.Args[1]]
	if !known {
		log.Fatalf("no such part: %s", os.Args[1])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := role(ctx, flag.NewFlagSet(os.Args[1], flag.ExitOnError), os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}
