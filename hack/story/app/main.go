// Command app is what the story deploys: it answers its version over HTTP. A broken build ends right after its start.
package main

import (
	"fmt"
	"net/http"
	"os"
)

// Both are set when it is linked.
var (
	version = "unknown"
	broken  = ""
)

func main() {
	if broken != "" {
		fmt.Fprintln(os.Stderr, "app", version, "does not find its configuration")
		os.Exit(1)
	}
	http.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(out, version)
	})
	fmt.Println("app", version, "listens on :8080")
	if err := http.ListenAndServe(":8080", nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
