"""Plays cases: those without a cluster and those that change nothing side by side, the others one after another."""

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from api.version import VERSION
from hack.cligolden.accepted import Accepted, accepted_for
from hack.cligolden.answers import answer_differences
from hack.cligolden.bootstrap import Bootstrapping
from hack.cligolden.cases import BadInput, Case, CaseFile, parts_of
from hack.cligolden.clusters import Clusters
from hack.cligolden.compare import Difference, value_difference
from hack.cligolden.invocation import Answer, Desk, desk
from hack.cligolden.outcome import NotPlayed, Outcome, failed, judge
from hack.cligolden.reaction import Reacting
from hack.cligolden.sshhost import SshHost
from hack.cligolden.states import Cluster

READING = ("__complete", "check", "completion", "events", "export", "get", "logs", "stats", "trace", "tree", "version")
"""Verbs that change nothing."""


@dataclass(frozen=True, slots=True)
class Task:
    """A case and its place: the fixtures of its state, and the file in whose order it stands."""

    case: Case
    file: CaseFile

    @property
    def is_alone(self) -> bool:
        """Whether it may change what others would see, or needs a state that ages."""
        reads = self.case.cmd[0] in READING and self.case.reaction is None and not self.case.has("changes")
        return not reads or "events" in parts_of(self.case.state)[1]


@dataclass(slots=True)
class Player:
    """Plays cases with one program. command: its words. name: by which it speaks of itself. jobs: side by side."""

    command: Sequence[str]
    name: str
    accepted: Sequence[Accepted] = ()
    jobs: int = 2
    _values: dict[str, str] = field(default_factory=dict)

    def play(self, files: Sequence[CaseFile], only: str = "*") -> Iterator[Outcome]:
        """Yield the outcomes of all cases whose ids match the glob; each is played as soon as its turn comes."""
        tasks = [Task(case, file) for file in files for case in file.cases if fnmatch.fnmatchcase(case.id, only)]
        bootstraps = [task for task in tasks if task.case.is_bootstrap]
        states = sorted({task.case.state for task in tasks if not task.case.is_bootstrap} - {"none"})
        with ExitStack() as servers, ThreadPoolExecutor(self.jobs) as pool, ThreadPoolExecutor(1) as beside:
            ssh = servers.enter_context(SshHost())
            self._values = {"SSH": f"{ssh.host}:{ssh.port}", "SSH_HOST": ssh.host, "SSH_PORT": str(ssh.port)}
            self._values["VERSION"] = VERSION
            others = self._play_others(states, tasks, servers, pool)
            if self.jobs > 1 and bootstraps:  # they mostly wait, and have a cluster of their own
                waiting = beside.submit(self._bootstrap, bootstraps, dict(self._values))
                yield from others
                yield from waiting.result()
            else:
                yield from others
                yield from self._bootstrap(bootstraps, self._values)

    def _play_others(
        self, states: Sequence[str], tasks: Sequence[Task], servers: ExitStack, pool: ThreadPoolExecutor
    ) -> Iterator[Outcome]:
        yield from pool.map(self._play, [task for task in tasks if task.case.state == "none"])
        if states:
            yield from self._play_states(states, tasks, servers, pool)

    def _bootstrap(self, tasks: Sequence[Task], values: Mapping[str, str]) -> list[Outcome]:
        if not tasks:
            return []
        with Bootstrapping(self.command, self.name, values) as room:

            def play(task: Task) -> Outcome:
                return self._guarded(task.case, lambda: room.play(task.case, task.file, self._entry(task.case)))

            return [play(task) for task in tasks]

    def _play_states(
        self, states: Sequence[str], tasks: Sequence[Task], servers: ExitStack, pool: ThreadPoolExecutor
    ) -> Iterator[Outcome]:
        clusters = servers.enter_context(Clusters())
        for state in states:
            here = [task for task in tasks if task.case.state == state]
            together = [task for task in here if not task.is_alone]
            if together:
                yield from self._play_together(clusters, together, pool)
            for task in here:
                if task.is_alone:
                    yield self._play_alone(task, clusters)

    def _play_together(self, clusters: Clusters, tasks: Sequence[Task], pool: ThreadPoolExecutor) -> Iterator[Outcome]:
        for fixtures in sorted({task.file.fixtures for task in tasks}):
            here = [task for task in tasks if task.file.fixtures == fixtures]
            try:
                cluster = clusters.load(here[0].case.state, fixtures)
            except Exception as error:  # told of each of these cases
                yield from (failed(task.case, f"its state: {error}") for task in here)
                continue
            yield from pool.map(partial(self._play, cluster=cluster), here)

    def _play_alone(self, task: Task, clusters: Clusters) -> Outcome:
        def playing() -> Outcome:
            return self._observed(task.case, clusters.load(task.case.state, task.file.fixtures))

        return self._guarded(task.case, playing)

    def _play(self, task: Task, cluster: Cluster | None = None) -> Outcome:
        return self._guarded(task.case, lambda: self._observed(task.case, cluster))

    def _observed(self, case: Case, cluster: Cluster | None) -> Outcome:
        kubeconfig = cluster.api.kubeconfig if cluster else None
        known = {"SERVER": cluster.api.host, "K8S_VERSION": cluster.api.version()} if cluster else {}
        with desk(case, name=self.name, values={**self._values, **known}, kubeconfig=kubeconfig) as place:
            answer = self._run(case, place, cluster)
            changes = cluster.changes() if cluster and case.has("changes") else {}

            def compare(wanted: Case) -> list[Difference]:
                found = answer_differences(wanted, answer, place.places, lambda words: self._help(words, place))
                if wanted.has("changes"):
                    found += value_difference("changes", wanted.changes, changes, place.places)
                return found

            return judge(case, self._entry(case), compare, seconds=answer.seconds)

    def _run(self, case: Case, place: Desk, cluster: Cluster | None) -> Answer:
        words = [*self.command, *(place.places.fill(word) for word in case.cmd)]
        if cluster is None or case.reaction is None:
            return place.run(words, case.stdin, seconds=case.seconds or 0)
        with Reacting(cluster.api, case.reaction) as reacting:
            answer = place.run(words, case.stdin, seconds=case.seconds or 0)
        if reacting.error:
            raise NotPlayed(f"the reaction: {reacting.error}")
        return answer

    def _help(self, words: str, place: Desk) -> str:
        return place.run([*self.command, *words.split()[1:], "--help"]).stdout

    def _entry(self, case: Case) -> Accepted | None:
        return accepted_for(case, self.accepted)

    @staticmethod
    def _guarded(case: Case, playing: Callable[[], Outcome]) -> Outcome:
        try:
            return playing()
        except BadInput:
            raise
        except KeyError as missing:
            return failed(case, f"nothing stands for {missing} in this line")
        except Exception as error:  # a case that cannot be played fails, and the others go on
            return failed(case, f"{type(error).__name__}: {error}")
