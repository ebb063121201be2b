import msgspec
import pytest

from controllers.runtime.kube.objects import needs_reconcile
from testing.clock import START
from testing.lifecycle import WELL, thing
from testing.thing import Thing

PLAIN = thing(requested="one")


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        pytest.param(None, PLAIN, True, id="created"),
        pytest.param(PLAIN, None, True, id="gone"),
        pytest.param(PLAIN, PLAIN, False, id="same"),
        pytest.param(PLAIN, thing(requested="one", status=WELL), False, id="status"),
        pytest.param(PLAIN, thing(requested="one", finalizers=("a/b",)), False, id="other-metadata"),
        pytest.param(PLAIN, thing(requested="one", generation=2), True, id="spec"),
        pytest.param(PLAIN, thing(requested="two"), True, id="another-request"),
        pytest.param(thing(), PLAIN, True, id="first-request"),
        pytest.param(PLAIN, thing(), False, id="request-removed"),
        pytest.param(PLAIN, thing(requested="one", deleted=START), True, id="deletion-began"),
        pytest.param(
            thing(requested="one", deleted=START), thing(requested="one", deleted=START), False, id="still-deleting"
        ),
    ],
)
def test_own_changes(old: Thing | None, new: Thing | None, *, runs: bool) -> None:
    assert needs_reconcile(old, new) is runs


def test_a_replaced_object_counts_as_created() -> None:
    replaced = msgspec.structs.replace(PLAIN, metadata=msgspec.structs.replace(PLAIN.metadata, uid="u2"))
    assert needs_reconcile(PLAIN, replaced)
