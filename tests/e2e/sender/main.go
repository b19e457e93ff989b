// A sender with the retries of VEBA's router in front of a function on Knative, by the SDK that
// the router uses: three more tries, after 200, 400 and 800 ms.
//
// It reads a structured event from stdin, sends it in binary mode to the address that is its one
// argument, and prints what became of each try as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

type report struct {
	Delivered bool  `json:"delivered"`
	Failed    []int `json:"failed"`
}

func main() {
	event := cloudevents.NewEvent()
	if err := json.NewDecoder(os.Stdin).Decode(&event); err != nil {
		log.Fatal(err)
	}
	client, err := cloudevents.NewClientHTTP()
	if err != nil {
		log.Fatal(err)
	}
	ctx := cloudevents.ContextWithTarget(context.Background(), os.Args[1])
	ctx = cloudevents.ContextWithRetriesExponentialBackoff(ctx, 100*time.Millisecond, 3)
	result := client.Send(ctx, event)
	said := report{Delivered: protocol.IsACK(result), Failed: []int{}}
	var retries *cehttp.RetriesResult
	if errors.As(result, &retries) {
		for _, attempt := range retries.Attempts {
			said.Failed = append(said.Failed, status(attempt))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}

// status returns the status of a try, 0 if there was no answer.
func status(attempt protocol.Result) int {
	var answer *cehttp.Result
	if errors.As(attempt, &answer) {
		return answer.StatusCode
	}
	return 0
}
