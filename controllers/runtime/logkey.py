"""The names of log fields, so that one thing has one name in all lines (and in metrics and status).

Names that Flux's log lines already have keep Flux's spelling; our own are snake_case.
`NAME` is the object's. `logging` reserves that word in `extra`: bind it (`log.bind_fields`) instead.
"""

CONTROLLER = "controller"
KIND = "kind"
CONTROLLER_GROUP = "controllerGroup"
CONTROLLER_KIND = "controllerKind"
NAMESPACE = "namespace"
NAME = "name"
GENERATION = "generation"
RECONCILE_ID = "reconcileID"

ATTEMPT = "attempt"
DURATION = "duration_seconds"
DELAY = "delay_seconds"
REASON = "reason"
ERROR = "error"
DETAIL = "detail"
COUNT = "count"
LEASE = "lease"
HOLDER = "holder"
FLAG = "flag"
LIBRARY = "library"
