// Argo CD's application controller and repo server in one program, and what Git asks for passwords: its usual build has
// a web server, a command line and four more programs, and takes half as long again.
package main

import (
	"fmt"
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

// The repo server sets the variable when it calls this program for Git.
const variable = "ARGOCD_BINARY_NAME"

var parts = map[string]func() *cobra.Command{
	"argocd-application-controller": controller.NewCommand,
	"argocd-repo-server":            reposerver.NewCommand,
	"argocd-git-ask-pass":           askpass.NewCommand,
}

func main() {
	part, known := parts[os.Getenv(variable)]
	if !known {
		fmt.Fprintf(os.Stderr, "%s=%q names no part of this build\n", variable, os.Getenv(variable))
		os.Exit(2)
	}
	if err := part().Execute(); err != nil {
		os.Exit(1)
	}
}
