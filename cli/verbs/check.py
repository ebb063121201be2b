"""`tagline check`: what is wrong in a cluster, and what to do.

What is said of Flux is said in the reference's words and order. What is said of tagline stands in sections of its own,
which are there when tagline is installed, or when something is wrong. Writes nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cli.grammar.flags import duration, switch, texts
from cli.grammar.session import Said, Session
from cli.grammar.tree import Command
from controllers.golang.duration import SECOND

if TYPE_CHECKING:
    from cli.checking.installed import Installation

EXAMPLES: Final = """
# Before an installation
tagline check --pre

# Afterwards
tagline check

# And whether this machine reaches the registries and Git hosts that objects name
tagline check --reachability
"""


def run(session: Session, arguments: Sequence[str], *, pre: bool, reachability: bool, **_unused: object) -> None:
    """Print a line for each thing that is looked at. Raises Said when one of them is wrong."""
    is_good = _check_prerequisites(session)
    if not pre:
        is_good = _check_cluster(session) and is_good
    if reachability:
        from cli.checking import reach  # noqa: PLC0415

        session.report.action("checking registries and Git hosts from this machine")
        is_good = reach.check(session.cluster, session.report) and is_good
    if not is_good:
        session.report.failure("check failed")
        raise Said
    session.report.success("prerequisites checks passed" if pre else "all checks passed")


def _check_prerequisites(session: Session) -> bool:
    from cli.checking import prerequisites, rights  # noqa: PLC0415
    from cli.installing.build import Options  # noqa: PLC0415
    from cli.installing.flags import namespace_of  # noqa: PLC0415

    cluster, report = session.cluster, session.report
    report.action("checking prerequisites")
    is_good = prerequisites.check_version(cluster, report)
    is_good &= _check_stored_versions(session)
    rights.check_own(cluster, Options(namespace=namespace_of(session)), report)
    return is_good


def _check_stored_versions(session: Session) -> bool:
    from cli.checking import stored_versions  # noqa: PLC0415
    from controllers.runtime.kube.errors import Forbidden  # noqa: PLC0415

    try:
        findings = stored_versions.look(session.cluster)
    except Forbidden as error:
        session.report.warning(f"what versions the CRDs store cannot be looked at: {error.message}")
        return True
    for finding in findings:
        (session.report.failure if finding.is_refused else session.report.warning)(finding.text)
        for command in finding.commands:
            session.report.plain(f"      {command}")
    return not any(finding.is_refused for finding in findings)


def _check_cluster(session: Session) -> bool:
    from cli.checking import flux, installed  # noqa: PLC0415
    from controllers.runtime.kube.errors import Forbidden  # noqa: PLC0415

    cluster, report = session.cluster, session.report
    try:
        installations = installed.find(cluster)
    except Forbidden as error:
        report.warning(f"tagline cannot be looked for: {error.message}")
        installations = []
    is_good = True
    # Where only tagline is installed, or is asked for by its namespace, it is no fault that Flux is not there.
    is_asked_for = any(one.namespace == session.namespace for one in installations)
    if not installations or (not is_asked_for and flux.is_there(cluster, session.namespace)):
        report.action("checking version in cluster")
        is_good &= flux.check_distribution(cluster, report)
        report.action("checking controllers")
        is_good &= flux.check_controllers(cluster, session.namespace, report)
        report.action("checking crds")
        is_good &= flux.check_crds(cluster, report)
    for installation in installations:
        is_good &= _check_installation(session, installation)
    return is_good


def _check_installation(session: Session, installation: "Installation") -> bool:
    from datetime import timedelta  # noqa: PLC0415

    from cli.checking import clocks, installed, rights  # noqa: PLC0415

    cluster, report = session.cluster, session.report
    report.action(f"checking tagline in the {installation.namespace} namespace")
    is_good = installed.check_controllers(cluster, installation, report)
    is_good &= installed.check_neighbours(cluster, report)
    report.action("checking tagline's crds")
    is_good &= installed.check_crds(cluster, report)
    report.action("checking rights")
    is_good &= rights.check_accounts(cluster, installation, report)
    report.action("checking leases")
    ahead = clocks.skew(cluster)
    is_good &= clocks.check_leases(cluster, installation, report, now=clocks.utc_now() - timedelta(seconds=ahead))
    report.action("checking clocks")
    return clocks.check_clock(ahead, report) and is_good


COMMAND: Final = Command(
    name="check",
    run=run,
    summary="say what is wrong in a cluster, and what to do",
    description=(
        "Check that a cluster is fit for tagline and Flux and, unless --pre is given, that what is installed works: "
        "controllers, CRDs, rights, leases, clocks. Writes nothing. Exit status 1: something is wrong."
    ),
    examples=EXAMPLES,
    refuses_arguments=True,
    flags=(
        switch("--pre", help="only what has to be so before an installation"),
        switch("--reachability", help="also connect to the registries and Git hosts that objects name"),
        texts("--components", help="without effect: what is installed is checked"),
        texts("--components-extra", help="without effect: what is installed is checked"),
        duration("--poll-interval", default=5 * SECOND, help="without effect: Deployments are looked at each second"),
    ),
)
