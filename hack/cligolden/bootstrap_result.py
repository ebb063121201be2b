"""What `bootstrap git` left behind, compared with the recording: commits, files, objects."""

import base64
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from hack.cligolden.cases import ClusterAfter, StoredFile, StoredObject, StoredSecret
from hack.cligolden.compare import Difference, Places, text_difference, value_difference
from hack.cligolden.forms import manifest_differences, secret_differences
from hack.cligolden.kube import Api
from hack.cligolden.repository import Repository


def commits_of(repository: Repository, branch: str, before: str) -> list[dict[str, Any]]:
    """Return the commits of a branch since `before` ("" for none), oldest first, in the form of the recordings."""
    if not repository.head(branch):
        return []
    since = [f"^{before}"] if before else []
    shas = repository.git("rev-list", "--reverse", f"refs/heads/{branch}", *since).split()
    return [_commit(repository, sha) for sha in shas]


def _commit(repository: Repository, sha: str) -> dict[str, Any]:
    author, committer = repository.git("show", "-s", "--format=%an <%ae>%n%cn <%ce>", sha).splitlines()
    head, _, message = repository.git("cat-file", "commit", sha).partition("\n\n")
    listed = repository.git("diff-tree", "--root", "--no-commit-id", "--name-status", "-r", sha)
    return {
        "author": author,
        "committer": committer,
        "message": message.rstrip("\n"),
        "files": [line.replace("\t", " ") for line in listed.splitlines()],
        "signed": "\ngpgsig" in head,
    }


def files_differences(expected: Mapping[str, StoredFile], files: Mapping[str, str], places: Places) -> list[Difference]:
    """Return how the files of a branch differ from the recorded ones."""
    found = value_difference("repository_after", sorted(expected), sorted(files), places)
    for path, file in expected.items():
        text = files.get(path)
        if text is None:
            continue  # told above
        if file.content is not UNSET:
            found += text_difference(path, file.content, text, places)
        if file.header is not UNSET:
            found += manifest_differences(
                text,
                places,
                header=file.header,
                objects=None if file.objects is UNSET else file.objects,
                labels=None if file.common_labels is UNSET else file.common_labels,
                field=f"{path}: ",
            )
    return found


def cluster_differences(
    expected: ClusterAfter, api: Api, namespace: str, secret: str, places: Places
) -> list[Difference]:
    """Return how the source, its Kustomization and Secret and the Deployments differ from the recorded ones."""
    found = _object_differences("GitRepository", expected.GitRepository, api, namespace, places)
    found += _object_differences("Kustomization", expected.Kustomization, api, namespace, places)
    found += _secret_differences(expected.Secret, api, namespace, secret, places)
    names = sorted(item["metadata"]["name"] for item in api.list("Deployment", namespace))
    return found + value_difference("cluster_after.Deployments", expected.Deployments, names, places)


def _object_differences(
    kind: str, expected: StoredObject | Any, api: Api, namespace: str, places: Places
) -> list[Difference]:
    stored = api.get(kind, namespace, namespace)
    actual = {"spec": stored["spec"], "labels": stored["metadata"].get("labels")} if stored else None
    wanted = None if expected is UNSET else {"spec": expected.spec, "labels": expected.labels}
    return value_difference(f"cluster_after.{kind}", wanted, actual, places)


def _secret_differences(
    expected: StoredSecret | Any, api: Api, namespace: str, name: str, places: Places
) -> list[Difference]:
    field = "cluster_after.Secret"
    stored = api.get("Secret", namespace, name)
    actual = stored and {
        "name": stored["metadata"]["name"],
        "namespace": stored["metadata"]["namespace"],
        "type": stored["type"],
        "keys": sorted(stored.get("data") or {}),
        "labels": stored["metadata"].get("labels"),
    }
    wanted = None
    if expected is not UNSET:
        wanted = {field: getattr(expected, field) for field in ("name", "namespace", "type", "keys", "labels")}
    found = value_difference(field, wanted, actual, places)
    if found or not stored or expected is UNSET:
        return found
    values = {key: base64.b64decode(value).decode() for key, value in (stored.get("data") or {}).items()}
    return list(secret_differences(f"{field}.values", expected.values, values, places))
