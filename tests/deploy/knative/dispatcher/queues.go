package main

import (
	"context"
	"flag"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// attributes is a trigger's filter: attributes of an event, and the values they must have.
type attributes map[string]string

func (a attributes) String() string { return "" }

func (a attributes) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	a[name] = value
	return nil
}

// queue is what Knative's controllers declare for a trigger.
type queue struct {
	rabbit, exchange, name, deadLetters, kind string
	filter                                    attributes
}

func (q *queue) flags(set *flag.FlagSet) {
	q.filter = attributes{}
	set.StringVar(&q.rabbit, "rabbit", "", "address of RabbitMQ")
	set.StringVar(&q.exchange, "exchange", "", "the exchange events are published to")
	set.StringVar(&q.name, "queue", "", "the trigger's queue")
	set.StringVar(&q.kind, "queue-type", "quorum", "classic before Knative 1.8")
	set.StringVar(&q.deadLetters, "dead-letters", "", "the exchange of what was given up; empty: dropped")
	set.Var(q.filter, "filter", "NAME=VALUE that an event must have; may be repeated")
}

// declare makes exchanges, queue and binding, unless they are there.
func (q *queue) declare(channel *amqp.Channel) error {
	options := amqp.Table{"x-queue-type": q.kind}
	for _, name := range []string{q.exchange, q.deadLetters} {
		if err := declareExchange(channel, name); err != nil {
			return err
		}
	}
	if q.deadLetters != "" {
		options["x-dead-letter-exchange"] = q.deadLetters
	}
	if _, err := channel.QueueDeclare(q.name, true, false, false, false, options); err != nil {
		return err
	}
	match := amqp.Table{"x-match": "all"}
	for name, value := range q.filter {
		match[name] = value
	}
	return channel.QueueBind(q.name, "", q.exchange, false, match)
}

func declareExchange(channel *amqp.Channel, name string) error {
	if name == "" {
		return nil
	}
	return channel.ExchangeDeclare(name, "headers", true, false, false, false, nil)
}

// open returns a channel as soon as RabbitMQ is there, and what closes its connection.
func open(ctx context.Context, address string) (*amqp.Channel, func() error, error) {
	for {
		connection, err := amqp.Dial(address)
		if err == nil {
			channel, err := connection.Channel()
			return channel, connection.Close, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
