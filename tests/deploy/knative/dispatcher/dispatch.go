package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	amqp "github.com/rabbitmq/amqp091-go"
)

// dispatcher delivers what is in a trigger's queue, with the delivery of the trigger.
type dispatcher struct {
	queue
	subscriber, policy    string
	retry                 int
	delay, timeout        time.Duration
	parallelism, prefetch int
	noRewind, retryAll    bool
	nack, cancelledFails  bool
	channel               *amqp.Channel
}

func (d *dispatcher) flags(set *flag.FlagSet) {
	d.queue.flags(set)
	set.StringVar(&d.subscriber, "subscriber", "", "address of the function")
	set.StringVar(&d.policy, "policy", "exponential", "or linear")
	set.IntVar(&d.retry, "retry", 0, "tries after the first")
	set.DurationVar(&d.delay, "delay", 50*time.Millisecond, "the unit of the pauses")
	set.DurationVar(&d.timeout, "timeout", 0, "of one try; 0: none")
	set.IntVar(&d.parallelism, "parallelism", 1, "how many are delivered at once")
	set.IntVar(&d.prefetch, "prefetch", 100, "how many RabbitMQ hands out; fixed since Knative 1.8")
	set.BoolVar(&d.noRewind, "no-rewind", false, "0.20, 1.1: a try sends the rest of the body")
	set.BoolVar(&d.retryAll, "retry-all", false, "0.20, 1.1: whatever is not 2xx is tried again")
	set.BoolVar(&d.nack, "nack", false, "before 1.13: RabbitMQ moves dead letters, without a reason")
	set.BoolVar(&d.cancelledFails, "cancelled-fails", false, "a pause cut by SIGTERM was the last")
}

// dispatch consumes until it is told to end.
func dispatch(ctx context.Context, set *flag.FlagSet, arguments []string) error {
	d := &dispatcher{}
	d.flags(set)
	if err := set.Parse(arguments); err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := d.consume(ctx)
		if err != nil && !errors.Is(err, amqp.ErrClosed) && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// consume delivers until RabbitMQ is gone, or until it is told to end. As the real one, it returns
// only when all that it works on is settled, which may take all retries of an event.
func (d *dispatcher) consume(ctx context.Context) error {
	channel, hangUp, err := open(ctx, d.rabbit)
	if err != nil {
		return err
	}
	defer hangUp()
	d.channel = channel
	messages, err := d.subscribe()
	if err != nil {
		return err
	}
	work := make(chan amqp.Delivery, d.parallelism)
	var workers sync.WaitGroup
	for range d.parallelism {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for message := range work {
				d.settle(ctx, message)
			}
		}()
	}
	report(map[string]any{"consuming": d.name})
	hand(ctx, messages, work)
	close(work)
	workers.Wait()
	return nil
}

// hand gives out messages until there are no more.
func hand(ctx context.Context, messages <-chan amqp.Delivery, work chan<- amqp.Delivery) {
	for {
		select {
		case <-ctx.Done():
			return
		case message, more := <-messages:
			if !more {
				return
			}
			work <- message
		}
	}
}

func (d *dispatcher) subscribe() (<-chan amqp.Delivery, error) {
	if err := d.declare(d.channel); err != nil {
		return nil, err
	}
	if err := d.channel.Confirm(false); err != nil {
		return nil, err
	}
	if err := d.channel.Qos(d.prefetch, 0, false); err != nil {
		return nil, err
	}
	return d.channel.Consume(d.name, "", false, false, false, false, nil)
}

// settle delivers one message, and tells RabbitMQ what became of it.
func (d *dispatcher) settle(ctx context.Context, message amqp.Delivery) {
	event := cloudevents.NewEvent()
	if err := json.Unmarshal(message.Body, &event); err != nil {
		message.Ack(false)
		return
	}
	status := d.deliver(ctx, &event)
	outcome := "delivered"
	switch {
	case !tryAgain(status):
		message.Ack(false)
	case ctx.Err() != nil && !d.cancelledFails:
		// RabbitMQ hands it out again, as soon as the connection is closed.
		outcome = "put back"
	default:
		outcome = "given up"
		d.giveUp(message, &event, status)
	}
	// What a dead letter says of its dispatcher.
	code := event.Extensions()["knativeerrorcode"]
	report(map[string]any{"id": event.ID(), "outcome": outcome, "code": code})
}

// giveUp makes a dead letter of an event, where there is a place for it.
func (d *dispatcher) giveUp(message amqp.Delivery, event *cloudevents.Event, status int) {
	if d.nack || d.deadLetters == "" {
		message.Nack(false, false)
		return
	}
	if status == 0 {
		status = -1
	}
	event.SetExtension("knativeerrordest", d.subscriber)
	event.SetExtension("knativeerrorcode", status)
	message.Ack(false)
	if err := publish(context.Background(), d.channel, d.deadLetters, event, false); err != nil {
		report(map[string]any{"id": event.ID(), "lost": err.Error()})
	}
}

// deliver tries until an answer is final, and returns its status, 0 if there was none.
func (d *dispatcher) deliver(ctx context.Context, event *cloudevents.Event) int {
	request, err := cehttp.NewHTTPRequestFromEvent(ctx, d.subscriber, *event)
	if err != nil {
		return http.StatusBadRequest
	}
	body, _ := io.ReadAll(request.Body)
	request.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	for try := 1; ; try++ {
		if try == 1 || !d.noRewind {
			request.Body, _ = request.GetBody()
		}
		status, problem := d.try(request)
		report(map[string]any{"id": event.ID(), "try": try, "status": status, "problem": problem})
		if status/100 == 2 || !(d.retryAll || tryAgain(status)) || try > d.retry {
			return status
		}
		if !pause(ctx, d.pause(try)) {
			return status
		}
	}
}

// try posts once; returns the status of the answer, or 0 and why there is none.
func (d *dispatcher) try(request *http.Request) (int, string) {
	client := http.Client{Timeout: d.timeout}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, ""
}

// pause returns how long to wait after so many tries.
func (d *dispatcher) pause(tries int) time.Duration {
	if d.policy == "linear" {
		return d.delay * time.Duration(tries)
	}
	return d.delay << tries
}

// pause waits, and returns whether it was not cut short.
func pause(ctx context.Context, length time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(length):
		return true
	}
}

// tryAgain is Knative's rule (eventing's pkg/kncloudevents/retries.go, SelectiveRetry).
func tryAgain(status int) bool {
	switch status {
	case 0, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
		http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}
