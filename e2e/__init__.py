"""End-to-end tests: three controllers as processes, a real API server, real registries and a real Git host.

They take any cluster: `KUBECONFIG`, `E2E_REGISTRY` (`host:port`, with `E2E_REGISTRY_USER` and `_PASSWORD`),
`E2E_OPEN_REGISTRY`, `E2E_GIT_URL` (a Gitea, with `E2E_GIT_USER` and `_PASSWORD` of an administrator). Without them a
local environment is started, or containers with `E2E_ENV=containers`. `E2E_CONTROLLERS=deployed` uses controllers that
already run in the cluster.
"""
