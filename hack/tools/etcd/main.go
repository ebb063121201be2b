// The etcd server as a build of its own: the release binary is not reachable from a package registry, its module is.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
