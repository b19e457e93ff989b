package main

import (
	"context"
	"flag"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// How many more than its limit queue-proxy lets wait (serving's cmd/queue: 10 *
// containerConcurrency), before it answers 503.
const waiting = 10

// proxy stands in front of a function as queue-proxy does, until it is told to end.
func proxy(ctx context.Context, set *flag.FlagSet, arguments []string) error {
	listen := set.String("listen", "", "where to listen")
	target := set.String("target", "", "address of the function")
	limit := set.Int("limit", 0, "containerConcurrency")
	idle := set.Duration("idle", 0, "closes connections that are idle for so long; 0: never")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	address, err := url.Parse(*target)
	if err != nil {
		return err
	}
	forward := httputil.NewSingleHostReverseProxy(address)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = *limit, *limit
	forward.Transport = transport
	server := &http.Server{Addr: *listen, Handler: limited(forward, *limit), IdleTimeout: *idle}
	return serve(ctx, server)
}

// limited lets only so many through at once.
func limited(next http.Handler, limit int) http.Handler {
	places := make(chan bool, (1+waiting)*limit)
	slots := make(chan bool, limit)
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		select {
		case places <- true:
			defer func() { <-places }()
		default:
			report(map[string]any{"refused": http.StatusServiceUnavailable})
			writer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		slots <- true
		defer func() { <-slots }()
		next.ServeHTTP(writer, request)
	})
}

// serve answers until it is told to end.
func serve(ctx context.Context, server *http.Server) error {
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
