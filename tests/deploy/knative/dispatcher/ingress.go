package main

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"sync"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	amqp "github.com/rabbitmq/amqp091-go"
)

// receiver publishes what is posted to it.
type receiver struct {
	rabbit, exchange string
	transient, once  bool
	alone            sync.Mutex
	channel          *amqp.Channel
}

// ingress serves until it is told to end.
func ingress(ctx context.Context, set *flag.FlagSet, arguments []string) error {
	receiver := &receiver{}
	set.StringVar(&receiver.rabbit, "rabbit", "", "address of RabbitMQ")
	set.StringVar(&receiver.exchange, "exchange", "", "the exchange to publish to")
	set.BoolVar(&receiver.transient, "transient", false, "0.20, 1.1: messages are not kept on disk")
	set.BoolVar(&receiver.once, "once", false, "1.1: does not connect to RabbitMQ again")
	listen := set.String("listen", "", "where to listen")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	return serve(ctx, &http.Server{Addr: *listen, Handler: receiver})
}

// ServeHTTP answers 202 if RabbitMQ has the event, and 400 if it is none.
func (r *receiver) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	message := cehttp.NewMessageFromHttpRequest(request)
	defer message.Finish(nil)
	event, err := binding.ToEvent(request.Context(), message)
	if err != nil || event.Validate() != nil {
		writer.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := r.publish(request.Context(), event); err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	writer.WriteHeader(http.StatusAccepted)
}

func (r *receiver) publish(ctx context.Context, event *cloudevents.Event) error {
	r.alone.Lock()
	defer r.alone.Unlock()
	if r.channel == nil || r.channel.IsClosed() && !r.once {
		channel, _, err := open(ctx, r.rabbit)
		if err != nil {
			return err
		}
		if err := channel.Confirm(false); err != nil {
			return err
		}
		r.channel = channel
	}
	return publish(ctx, r.channel, r.exchange, event, r.transient)
}

// publish returns when RabbitMQ has the event. The headers are what queues are bound by. The body
// is the whole event; since Knative 1.8 it is the data alone, which no subscriber can tell.
func publish(
	ctx context.Context, channel *amqp.Channel, exchange string, event *cloudevents.Event, transient bool,
) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	headers := amqp.Table{"type": event.Type(), "source": event.Source(), "subject": event.Subject()}
	for name, value := range event.Extensions() {
		headers[name] = value
	}
	message := amqp.Publishing{Headers: headers, Body: body, DeliveryMode: amqp.Persistent}
	if transient {
		message.DeliveryMode = amqp.Transient
	}
	confirmed, err := channel.PublishWithDeferredConfirmWithContext(
		ctx, exchange, "", false, false, message)
	if err == nil {
		_, err = confirmed.WaitContext(ctx)
	}
	return err
}
