"""`controllers.imageupdateautomation`: what a run leaves out is recorded each time, and warned of once."""

import pytest

from api.imagepolicy import ImageRef
from api.imageupdateautomation import Finding
from api.meta import LabelSelector
from controllers.git.errors import PushRejected
from controllers.runtime.key import Key
from controllers.runtime.reconcile.outcome import Retry
from controllers.update.findings import MAX_FINDINGS
from testing.automation_harness import MAIN, WEB, AutomationHarness, manifest
from testing.builders import image_policy

UNKNOWN = "the marker names ImagePolicy 'apps:nobody', which does not exist; create it or correct the marker"
NOBODY = Finding(file="other.yaml", line=2, reason="UnknownPolicy", message=UNKNOWN)


@pytest.fixture
def marked(harness: AutomationHarness) -> AutomationHarness:
    """One with a marker of a policy that is not there."""
    harness.git.put(MAIN, {"other.yaml": manifest("1.0.0", "apps:nobody")})
    return harness


async def test_finding_is_reported_while_the_rest_is_updated(marked: AutomationHarness) -> None:
    end = await marked.reconcile()
    assert marked.status.findings == (NOBODY,)
    assert end.warnings == (("UnknownPolicy", f"other.yaml:2: {UNKNOWN}"),)
    assert end.message == (
        f"committed and pushed commit '{marked.tip()}' to branch 'main'; left out: other.yaml:2: {UNKNOWN}"
    )
    assert end.event is not None
    assert "left out" not in end.event
    assert marked.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")


async def test_a_policy_that_the_cache_has_not_received_yet_is_not_reported_missing(marked: AutomationHarness) -> None:
    marked.policies.late[Key("apps", "nobody")] = image_policy("nobody", latest=WEB)
    end = await marked.reconcile()
    assert (marked.status.findings, end.warnings) == ((), ())


async def test_the_server_is_asked_for_no_more_missing_policies_than_are_listed(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"many.yaml": b"---\n".join(manifest("1.0.0", f"apps:n{number}") for number in range(100))})
    await harness.reconcile()
    assert len(harness.policies.requests) == MAX_FINDINGS == len(harness.status.findings)


async def test_finding_is_warned_of_only_once(marked: AutomationHarness) -> None:
    await marked.reconcile()
    end = await marked.reconcile()
    assert end.warnings == ()
    assert end.message.endswith(f"; left out: other.yaml:2: {UNKNOWN}")
    marked.git.put(MAIN, {"broken.yaml": b'a: [ # {"$imagepolicy": "apps:web"}\n'})
    end = await marked.reconcile()
    assert [reason for reason, _ in end.warnings] == ["NotYAML"]
    assert len(marked.status.findings) == 2


async def test_comment_about_markers_is_nothing(harness: AutomationHarness) -> None:
    text = b'# Put {"$imagepolicy": "ns:policy"} behind a tag.\n# image: x/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
    harness.git.put(MAIN, {"notes.yaml": text + b"a: b\n", "web.yaml": text + manifest("1.0.0")})
    end = await harness.reconcile()
    assert (harness.status.findings, end.warnings) == ((), ())
    assert harness.git.files_of(MAIN)["web.yaml"] == text + manifest("1.1.0")
    again = await harness.reconcile()
    assert (again.no_change, harness.git.calls) == ("no change since last reconciliation", ["list_refs"])


async def test_misspelt_marker_is_reported_though_no_other_is_in_the_file(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"other.yaml": b"image: x/web:1.0.0 # {'$imagepolicy': 'apps:web'}\n"})
    end = await harness.reconcile()
    assert [(finding.file, finding.line, finding.reason) for finding in harness.status.findings] == [
        ("other.yaml", 1, "MalformedMarker")
    ]
    assert [reason for reason, _ in end.warnings] == ["MalformedMarker"]


async def test_patch_that_is_a_list_is_updated_like_any_other_file(harness: AutomationHarness) -> None:
    patch = b'- op: replace\n  path: /spec/image\n  value: x/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
    harness.git.put(MAIN, {"patch.yaml": patch})
    await harness.reconcile()
    assert harness.git.files_of(MAIN)["patch.yaml"] == patch.replace(b"1.0.0", b"1.1.0")
    assert harness.status.findings == ()


async def test_digest_that_the_policy_does_not_reflect_is_reported(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"other.yaml": b'digest: sha256:0 # {"$imagepolicy": "apps:web:digest"}\n'})
    end = await harness.reconcile()
    assert harness.git.files_of(MAIN)["other.yaml"].startswith(b'digest: "" #')
    text = (
        "policy 'apps:web' reflects no digest, so there is none to write here: set spec.digestReflectionPolicy of the "
        "ImagePolicy to IfNotPresent or Always"
    )
    assert harness.status.findings == (Finding(file="other.yaml", line=1, reason="NoDigest", message=text),)
    assert end.warnings == (("NoDigest", f"other.yaml:1: {text}"),)
    harness.choose("web", ImageRef(name="x/web", tag="1.1.0", digest=f"sha256:{'1' * 64}"))
    assert not (await harness.reconcile()).warnings
    assert not harness.status.findings


async def test_finding_that_is_resolved_disappears(marked: AutomationHarness) -> None:
    await marked.reconcile()
    marked.git.put(MAIN, {"other.yaml": b"nothing\n"})
    end = await marked.reconcile()
    assert (marked.status.findings, end.warnings) == ((), ())
    assert "left out" not in end.message


async def test_finding_follows_its_policy_though_the_revision_is_unchanged(marked: AutomationHarness) -> None:
    await marked.reconcile()
    marked.choose("nobody", None)
    end = await marked.reconcile()
    (finding,) = marked.status.findings
    assert (finding.reason, end.warnings) == ("PolicyWithoutImage", ())
    marked.spec(policy_selector=LabelSelector(match_labels={"none": "has"}))
    marked.choose("nobody", WEB)
    await marked.reconcile()
    assert marked.status.findings == ()


async def test_findings_of_a_failed_run_are_not_recorded(marked: AutomationHarness) -> None:
    marked.git.failures["push"].append(PushRejected("hook declined"))
    await marked.fail(Retry)
    assert marked.status.findings == ()
    assert (await marked.reconcile()).warnings != ()


async def test_policy_whose_image_is_no_reference_is_left_out_and_the_others_go_on(harness: AutomationHarness) -> None:
    harness.git.put(MAIN, {"bad.yaml": manifest("1.0.0", "apps:bad")})
    harness.choose("bad", ImageRef(name="x/UPPER", tag="1"))
    end = await harness.reconcile()
    text = (
        "ImagePolicy 'bad' is left out: could not parse reference: x/UPPER:1; correct the image of its ImageRepository"
    )
    assert harness.status.findings == (Finding(reason="InvalidImage", message=text),)
    assert end.warnings == (("InvalidImage", text),)
    assert harness.git.files_of(MAIN)["bad.yaml"] == manifest("1.0.0", "apps:bad")
    assert harness.git.files_of(MAIN)["web.yaml"] == manifest("1.1.0")
    assert set(harness.status.observed_policies) == {"bad", "web"}
