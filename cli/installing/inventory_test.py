"""The inventory: what is written of an installation can be read again, by later releases, too."""

import json
from dataclasses import replace

import pytest

from cli.installing.build import Options
from cli.installing.inventory import Inventory, NotReadable, from_object, to_object
from cli.installing.resources import Ref

ROLE = Ref("rbac.authorization.k8s.io/v1", "ClusterRole", "", "tagline-view")
ACCOUNT = Ref("v1", "ServiceAccount", "ops", "imagepolicy-controller")
OPTIONS = Options(namespace="ops", components=("imagepolicy-controller",), network_policy=False, features=("x",))


def test_what_is_written_is_read_again() -> None:
    for inventory in (Inventory(OPTIONS, (ROLE, ACCOUNT)), Inventory(OPTIONS, (), is_complete=False)):
        stored = to_object(inventory)
        stored["metadata"]["resourceVersion"] = "7"
        assert from_object(stored) == replace(inventory, resource_version="7")


def test_options_of_another_release_are_passed_over_and_those_it_lacks_have_defaults() -> None:
    stored = to_object(Inventory(OPTIONS, (ROLE,)))
    options = json.loads(stored["data"]["options"])
    del options["network_policy"]
    stored["data"]["options"] = json.dumps(options | {"of_tomorrow": True})
    assert from_object(stored).options == replace(OPTIONS, network_policy=True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"objects": "[]\n"}, id="no-object"),
        pytest.param({"objects": "not JSON"}, id="not-json"),
        pytest.param({"options": "[]"}, id="no-options"),
        pytest.param({"options": '{"components": 3}'}, id="options-of-another-type"),
        pytest.param(None, id="no-data"),
    ],
)
def test_a_damaged_inventory_is_named(change: dict[str, str] | None) -> None:
    stored = to_object(Inventory(OPTIONS, (ROLE,)))
    stored["data"] = None if change is None else stored["data"] | change
    with pytest.raises(NotReadable, match="ConfigMap ops/tagline-inventory is not an inventory"):
        from_object(stored)


def test_what_is_under_way_has_what_was_there_and_what_is_to_come() -> None:
    begun = Inventory(OPTIONS, (ROLE,)).with_more((ACCOUNT, ROLE))
    assert (begun.objects, begun.is_complete) == ((ROLE, ACCOUNT), False)
