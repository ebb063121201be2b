"""Fields that kubectl or Helm applied become ours, and nobody else's do."""

from typing import Any

from cli.installing.takeover import take_over


def entry(manager: str, operation: str, *fields: str, **more: str) -> dict[str, Any]:
    spec: dict[str, Any] = {f"f:{name}": {} for name in fields}
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": {"f:spec": spec}, **more}


def obj(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7", "managedFields": list(entries)}}


def test_what_kubectl_applied_is_added_to_what_we_applied() -> None:
    edited = entry("kubectl-edit", "Update", "d")
    status = entry("kubectl", "Apply", "e", subresource="status")
    found = take_over(
        obj(
            edited,
            entry("tagline", "Apply", "a"),
            status,
            entry("kubectl-client-side-apply", "Update", "b"),
            entry("kubectl", "Apply", "c"),
        )
    )
    assert found[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    first, second, ours = found[1]["value"]
    assert (first, second) == (edited, status)
    assert (ours["manager"], ours["operation"]) == ("tagline", "Apply")
    assert ours["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}}}


def test_what_helm_applied_becomes_ours_so_that_its_marks_go_with_the_next_apply() -> None:
    for operation in ("Update", "Apply"):  # of Helm 3, and of Helm 4
        _, replaced = take_over(obj(entry("helm", operation, "b"), entry("tagline", "Apply", "a")))
        (ours,) = replaced["value"]
        assert (ours["manager"], ours["fieldsV1"]) == ("tagline", {"f:spec": {"f:a": {}, "f:b": {}}})


def test_nothing_is_changed_where_kubectl_applied_nothing() -> None:
    assert take_over(obj(entry("tagline", "Apply", "a"), entry("argocd-controller", "Apply", "b"))) == []
    assert take_over({"metadata": {"resourceVersion": "7"}}) == []


def test_what_is_given_stays_as_it_is() -> None:
    given = obj(entry("kubectl-client-side-apply", "Update", "b"), entry("tagline", "Apply", "a"))
    take_over(given)
    assert given == obj(entry("kubectl-client-side-apply", "Update", "b"), entry("tagline", "Apply", "a"))


def test_what_we_applied_becomes_that_of_who_applies_from_then_on() -> None:
    found = take_over(
        obj(entry("tagline", "Apply", "a"), entry("kustomize-controller", "Apply", "b")), "kustomize-controller"
    )
    (only,) = found[1]["value"]
    assert (only["manager"], only["fieldsV1"]) == ("kustomize-controller", {"f:spec": {"f:a": {}, "f:b": {}}})
