"""`create image update`."""

from typing import Any, Final

from cli.creation import checks, pull_request
from cli.creation.command import Order, Spec, create_command, reference, without_unset
from cli.creation.names import parse_pairs
from cli.creation.pull_request import TARGET
from cli.creation.selectors import parse_namespaces, parse_selector
from cli.grammar.flags import duration, repeated, switch, text
from cli.grammar.session import Failed
from cli.kinds.imageupdateautomation import UPDATE
from controllers.golang.duration import format_nanoseconds

_KEY_TYPES: Final = ("gpg", "ssh")
_MAX_FILES: Final = 25
_V1: Final = "v1"

_FLAGS: Final = (
    text("--git-repo-ref", help="GitRepository that says where and as whom to commit"),
    text("--git-repo-namespace", help="namespace of the GitRepository, if not that of the automation"),
    text("--git-repo-path", help="directory or file to look into, if not the whole repository"),
    text("--checkout-branch", help="branch to make changes on top of"),
    text("--checkout-tag", help="tag to make changes on top of; needs --push-branch"),
    text("--checkout-semver", help="range of versions: the greatest tag in it is checked out; needs --push-branch"),
    text("--checkout-commit", help="commit to make changes on top of"),
    text("--checkout-ref", help="full name of the reference to make changes on top of, e.g. refs/heads/main"),
    text("--push-branch", help="branch to push to, if not the one that is checked out"),
    text("--push-refspec", help="refspec to push as well"),
    repeated("--push-option", help="push option for the server, key=value; may be repeated"),
    text("--author-name", help="name of the author of commits"),
    text("--author-email", help="address of the author of commits"),
    text("--commit-template", help="Go template of the commit message"),
    repeated("--commit-value", help="value, key=value, that the template reads as .Values.key; may be repeated"),
    text("--signing-key-secret", help="Secret with the key that commits are signed with"),
    text("--signing-key-type", help="kind of that key, gpg or ssh"),
    text("--policy-selector", help="labels of the policies to use, if not all, e.g. 'app=web,tier in (front,back)'"),
    duration("--policy-change-delay", help="how long to wait for further changes after a policy has chosen anew"),
    repeated(
        "--policy-namespace",
        help="labels of other namespaces whose policies to use, where they allow it, e.g. team=a; may be repeated",
    ),
    repeated("--update-file", help="glob of further files with markers, e.g. '**/Dockerfile'; may be repeated"),
    TARGET,
    switch("--hold-reverted", help="leave a value alone that somebody put back, until there is a newer image"),
    *pull_request.FLAGS,
    switch("--suspend", help="do not commit until `resume`"),
)

_EXAMPLES: Final = """
# commit to main what policies choose
tagline create image update app --git-repo-ref=app --checkout-branch=main \\
  --author-name=bot --author-email=bot@example.com \\
  --commit-template='{{range .Changed.Changes}}{{println .OldValue "->" .NewValue}}{{end}}'

# commit to a branch of its own, for pull requests
tagline create image update app --git-repo-ref=app --checkout-branch=main --push-branch=image-updates \\
  --author-name=bot --author-email=bot@example.com --export
"""


def _build(order: Order) -> Spec:
    flags = order.flags
    _require(flags)
    checks.check_interval("--interval", flags.interval, order.warn)
    commit = _commit(order)
    return without_unset(
        {
            "sourceRef": without_unset(
                {"kind": "GitRepository", "name": flags.git_repo_ref, "namespace": flags.git_repo_namespace}
            ),
            "git": without_unset(
                {
                    "checkout": {"ref": _checkout(flags)},
                    "commit": commit,
                    "push": _push(flags),
                    "pullRequest": pull_request.build_pull_request(flags),
                }
            ),
            "interval": format_nanoseconds(flags.interval),
            "policyChangeDelay": format_nanoseconds(flags.policy_change_delay) if flags.policy_change_delay else "",
            "policySelector": parse_selector("--policy-selector", flags.policy_selector),
            "policyNamespaces": parse_namespaces("--policy-namespace", flags.policy_namespace),
            "update": _update(flags),
            "suspend": flags.suspend,
        }
    )


def _require(flags: Any) -> None:
    if not flags.git_repo_ref:
        raise Failed("a reference to a GitRepository is required (--git-repo-ref)")
    if not _checkout(flags):
        raise Failed("the Git repository branch is required (--checkout-branch)")
    if not flags.author_name:
        raise Failed("the author name is required (--author-name)")
    if not flags.author_email:
        raise Failed("the author email is required (--author-email)")
    if flags.signing_key_type and not flags.signing_key_secret:
        raise Failed("--signing-key-type requires --signing-key-secret")
    if flags.signing_key_type and flags.signing_key_type not in _KEY_TYPES:
        raise Failed(f"--signing-key-type must be one of: {', '.join(_KEY_TYPES)}")
    if not flags.checkout_branch and not flags.push_branch:
        raise Failed("there is no branch to push to: name one with --push-branch")


def _checkout(flags: Any) -> Spec:
    if flags.checkout_semver:
        checks.check_range("--checkout-semver", flags.checkout_semver)
    return without_unset(
        {
            "branch": flags.checkout_branch,
            "tag": flags.checkout_tag,
            "semver": flags.checkout_semver,
            "name": flags.checkout_ref,
            "commit": flags.checkout_commit,
        }
    )


def _commit(order: Order) -> Spec:
    flags = order.flags
    values = parse_pairs("--commit-value", flags.commit_value)
    if values and not flags.commit_template:
        raise Failed("--commit-value needs --commit-template, which reads it as .Values")
    template = flags.commit_template
    is_old = checks.check_template(
        "--commit-template", template, namespace=order.namespace, name=order.name, values=values, warn=order.warn
    )
    if is_old and order.version == _V1:
        order.warn(
            "--commit-template reads .Updated or .Changed.ImageResult: tagline fills them in, Flux 2.7 and later does "
            "not; .Changed.Changes works with both"
        )
    signing_key = without_unset({"secretRef": reference(flags.signing_key_secret), "type": flags.signing_key_type})
    return without_unset(
        {
            "author": {"email": flags.author_email, "name": flags.author_name},
            "messageTemplate": template,
            "messageTemplateValues": values,
            "signingKey": signing_key,
        }
    )


def _push(flags: Any) -> Spec:
    return without_unset(
        {
            "branch": flags.push_branch,
            "refspec": flags.push_refspec,
            "options": parse_pairs("--push-option", flags.push_option),
        }
    )


def _update(flags: Any) -> Spec | None:
    if len(flags.update_file) > _MAX_FILES:
        raise Failed(f"--update-file can be given {_MAX_FILES} times at most; join globs with **")
    update = without_unset(
        {
            "path": flags.git_repo_path,
            "files": list(flags.update_file),
            "targets": pull_request.build_targets(flags.update_target),
            "holdReverted": flags.hold_reverted,
        }
    )
    return update | {"strategy": "Setters"} if update else None


COMMAND: Final = create_command(
    UPDATE,
    flags=_FLAGS,
    build=_build,
    examples=_EXAMPLES,
    versions=("v1", "v1beta2", "v1beta1"),
    description="Creates an ImageUpdateAutomation, which commits to Git what policies choose, or changes it, and waits "
    "until it is ready. With --export it is printed instead.",
)
