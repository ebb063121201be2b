"""Plays `bootstrap git` against a bare repository behind `git http-backend`; a script stands for the controllers."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from msgspec import UNSET, to_builtins

from hack import flux_manifest
from hack.cligolden.accepted import Accepted
from hack.cligolden.answers import answer_differences
from hack.cligolden.bootstrap_result import cluster_differences, commits_of, files_differences
from hack.cligolden.cases import Case, CaseFile
from hack.cligolden.clusters import control_plane
from hack.cligolden.compare import Difference, value_difference
from hack.cligolden.invocation import Answer, desk
from hack.cligolden.kube import Api
from hack.cligolden.outcome import NotPlayed, Outcome, judge
from hack.cligolden.repository import Repository
from hack.cligolden.statuses import Statuses, statuses_of
from hack.githttp import GitHttpServer

NEW_CLUSTER = "no GitRepository, Kustomization or Secret in the namespace; nothing else of Flux"
CLEAN_NAMESPACE = (
    "no GitRepository, Kustomization, Deployment or Secret in the namespace;"
    " CRDs, RBAC and network policies present from an earlier run"
)
SAME_CLUSTER = "as left by the previous case"
EMPTY_REPOSITORY = "empty bare repository"
SAME_REPOSITORY = "the one left by the previous case"
CLEANED = ("GitRepository", "Kustomization", "Deployment", "Secret")
"""Kinds of which none is in a clean namespace."""


class Bootstrapping:
    """A git server, and a cluster that is made anew where a case says so; use as a context manager."""

    def __init__(self, command: Sequence[str], name: str, values: Mapping[str, str]) -> None:
        self._command, self._name, self._values = command, name, dict(values)
        self._stack, self._plane = ExitStack(), ExitStack()
        self._api: Api | None = None
        self._played = ""

    def __enter__(self) -> Self:
        root = Path(self._stack.enter_context(TemporaryDirectory(prefix="cligolden-git-")))
        server = self._stack.enter_context(GitHttpServer(root))
        self._values["GIT"] = server.url.removeprefix("http://")
        self._repository = Repository(server, root)
        return self

    def __exit__(self, *_: object) -> None:
        self._plane.close()
        self._stack.close()

    def play(self, case: Case, file: CaseFile, entry: Accepted | None) -> Outcome:
        """Return the outcome of a case; first play what it follows, unless that was just done. Raises NotPlayed."""
        assert case.before is not None
        if case.before.cluster == SAME_CLUSTER or case.before.repository == SAME_REPOSITORY:
            position = file.cases.index(case)
            if position == 0:
                raise NotPlayed("it follows a case that is not in the file")
            previous = file.cases[position - 1]
            if previous.id != self._played:
                self.play(previous, file, None)
        self._set_up(case)
        self._played = ""  # until it was played to its end
        outcome = self._observed(case, entry)
        self._played = case.id
        return outcome

    def _set_up(self, case: Case) -> None:
        assert case.before is not None
        match case.before.repository:
            case {"files": dict(files)}:
                self._repository.renew(files)
            case str(text) if text == EMPTY_REPOSITORY:
                self._repository.renew({})
            case str(text) if text == SAME_REPOSITORY:
                pass
            case other:
                raise NotPlayed(f"no way is known to this repository: {other}")
        match case.before.cluster:
            case text if text == NEW_CLUSTER:
                self._renew_cluster()
            case text if text == CLEAN_NAMESPACE:
                self._clean(namespace_of(case))
            case text if text == SAME_CLUSTER:
                pass
            case text:
                raise NotPlayed(f"no way is known to this cluster: {text}")

    def _renew_cluster(self) -> Api:
        self._plane.close()
        self._api = self._plane.enter_context(control_plane())
        self._values |= {"SERVER": self._api.host, "K8S_VERSION": self._api.version()}
        return self._api

    def _clean(self, namespace: str) -> None:
        """Empty the namespace. A cluster without an earlier run has no CRDs yet, which no answer shows."""
        api = self._api or self._renew_cluster()
        for kind in CLEANED:
            for item in api.list(kind, namespace):
                api.delete(kind, namespace, item["metadata"]["name"])

    def _observed(self, case: Case, entry: Accepted | None) -> Outcome:
        assert self._api is not None
        assert case.before is not None
        branch, namespace = flag(case.cmd, "--branch", "main"), namespace_of(case)
        head = self._repository.head(branch)
        kinds = statuses_of(case.before.controllers)
        with desk(case, name=self._name, values=self._values, kubeconfig=self._api.kubeconfig) as bare:
            # The recorder's program had Flux's manifests in it. Ours fetches them, and here is no internet.
            manifests = bare.folder.parent / "flux-manifests.yaml"
            manifests.write_text(flux_manifest.manifest())
            place = replace(bare, environment={**bare.environment, "TAGLINE_FLUX_MANIFESTS": str(manifests)})
            words = [*self._command, *(place.places.fill(word) for word in case.cmd)]
            with Statuses(self._api, kinds, namespace, lambda: (branch, self._repository.head(branch))) as script:
                answer: Answer = place.run(words, case.stdin, seconds=case.seconds or 0)
            if script.error:
                raise NotPlayed(f"the script that sets statuses: {script.error}")
            api, places = self._api, place.places

            def help_of(words: str) -> str:
                return place.run([*self._command, *words.split()[1:], "--help"]).stdout

            def compare(wanted: Case) -> list[Difference]:
                assert wanted.new_commits is not UNSET
                assert wanted.repository_after is not UNSET
                assert wanted.cluster_after is not UNSET
                commits = commits_of(self._repository, branch, head)
                found = answer_differences(wanted, answer, places, help_of)
                found += value_difference("new_commits", to_builtins(wanted.new_commits), commits, places)
                found += files_differences(wanted.repository_after, self._repository.files(branch), places)
                secret = flag(case.cmd, "--secret-name", "flux-system")
                found += cluster_differences(wanted.cluster_after, api, namespace, secret, places)
                return found

            return judge(case, entry, compare, seconds=answer.seconds)


def namespace_of(case: Case) -> str:
    """Return the namespace that a command line names."""
    short = flag(case.cmd, "-n", "")
    return short or flag(case.cmd, "--namespace", "flux-system")


def flag(words: Sequence[str], name: str, default: str) -> str:
    """Return the value of a flag as `--name=value` or in two words; the last one counts."""
    value = default
    for position, word in enumerate(words):
        if word.startswith(f"{name}="):
            value = word.partition("=")[2]
        elif word == name and position + 1 < len(words):
            value = words[position + 1]
    return value
