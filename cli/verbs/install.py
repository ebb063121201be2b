"""`tagline install`: the controllers, their CRDs and their rights, into a cluster or as YAML."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.version import VERSION
from cli.grammar.flags import switch
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.installing import flags as shared
from cli.installing.build import Options, build
from cli.installing.patches import Object

EXAMPLES: Final = """
# All of tagline, in its own namespace
tagline install

# Only what scans registries and chooses tags
tagline install --components=image-reflector-controller

# Look first
tagline install --export | kubectl diff -f -
"""


def run(session: Session, arguments: Sequence[str], *, export: bool, force: bool, **given: Any) -> None:
    """Print the manifests, or apply them and wait until they work."""
    options, choice = shared.options_of(session, given)
    manifests = shared.manifests_of(given["manifests"])
    if choice.of_flux:
        names = ", ".join(choice.of_flux)
        session.report.warning(f"{names}: left to Flux; `flux install` or `tagline bootstrap git` install them")
    if options.version != f"v{VERSION}":
        session.report.warning(
            f"--version changes the image's tag alone: CRDs and roles are those of this release, v{VERSION}"
        )
    if export:
        from cli.installing.printing import render  # noqa: PLC0415
        from cli.output import write_output  # noqa: PLC0415

        write_output([render(build(options, manifests), options).encode()])
        return
    session.report.generating("generating manifests")
    objects = build(options, manifests)
    session.report.success("manifests build completed")
    _install(session, objects, options, given["registry_creds"], force=force)


def _install(session: Session, objects: list[Object], options: Options, credentials: str, *, force: bool) -> None:
    from cli.installing import installation, preflight, readiness  # noqa: PLC0415

    cluster, report = session.cluster, session.report
    report.action(f"installing components in {options.namespace} namespace")
    preflight.wait_until_deleted(cluster, options.namespace, report)
    inventories = installation.check_before(cluster, options, force=force)
    if credentials:
        objects.append(shared.pull_secret(options, credentials))
    objects, options, reasons = installation.adapt(cluster, objects, options, force=force)
    _confirm_override(session, objects, force=force)
    installation.check_crds(cluster)
    for reason in reasons:
        report.warning(reason)
    installation.install(cluster, objects, options, inventories, _say)
    report.waiting("verifying installation")
    names = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"]
    readiness.wait_until_ready(cluster, options.namespace, names, report)
    report.success("install finished")


def _confirm_override(session: Session, objects: Sequence[Mapping[str, Any]], *, force: bool) -> None:
    """Ask before CRDs are taken over that another tool applies. Raises Failed for no, or where nobody can be asked."""
    from cli.asking import confirm  # noqa: PLC0415
    from cli.installing import preflight  # noqa: PLC0415

    crds = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "CustomResourceDefinition"]
    managers = preflight.managed_by_others(session.cluster, preflight.installed_crds(session.cluster, crds))
    for manager in sorted(set(managers.values())):
        theirs = ", ".join(name for name, who in managers.items() if who == manager)
        session.report.warning(f"{theirs}: applied by {manager}, which may put its own back")
        if not force:
            confirm(f"Are you sure you want to override the {manager} installation? Y/N", unless="--force")


def _say(line: str) -> None:
    from cli.output import encode_text, write_output  # noqa: PLC0415

    write_output([encode_text(f"{line}\n")])


COMMAND: Final = Command(
    name="install",
    run=run,
    summary="install or upgrade tagline in a cluster",
    description=(
        "Install tagline, or bring it to this release, into tagline-system or the namespace that -n names. Applies "
        "server-side, removes what is no longer part of it, and waits until the controllers are ready. May be "
        "interrupted and repeated."
    ),
    examples=EXAMPLES,
    flags=(
        *shared.FLAGS,
        switch("--export", help="print the manifests and touch no cluster"),
        switch("--force", help="install in spite of Flux's image controllers, and over what other tools installed"),
    ),
)
