"""The machinery of an operator: client, informer, workqueue, controller, leader election, conditions, events.

Knows Kubernetes, and nothing about images, registries or Git. `kube` is the client, `cache` the informer, `queue` the
work queue, `reconcile` one run, `process` the whole. Follows Flux's runtime contract: conditions, annotations, flags,
metrics.
"""
