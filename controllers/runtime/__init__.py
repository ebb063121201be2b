"""The machinery of an operator: client, informer, workqueue, controller, leader election, conditions, events.

It knows Kubernetes and nothing of images, registries or Git. Flux's runtime contract (conditions, annotations,
flags, metrics) is the one this package follows.
"""
