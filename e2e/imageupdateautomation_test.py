"""`controllers.imageupdateautomation`: what is committed to a real Git host, where it is pushed, what is reported."""

import re

import pytest

from e2e.cluster import condition, eventually
from e2e.fleet import Fleet
from e2e.objects import AUTHOR, automation, deployment, image_repository, semver_policy
from hack.githost import GitHost

VALUES = """# values of the chart
image:
  repository: {name} # {{"$imagepolicy": "{ns}:app:name"}}
  tag: d3fc3d5 # {{"$imagepolicy": "{ns}:app:tag"}}

replicas:   2
"""


def test_marked_scalar_is_changed_and_nothing_else(fleet: Fleet) -> None:
    before = fleet.repository.file("app.yaml")
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    assert fleet.repository.file("app.yaml") == before.replace("app:1.0.0", "app:1.0.1")
    author = fleet.repository.log("-1", "--format=%an <%ae>|%cn <%ce>").strip()
    assert author == f"{AUTHOR['name']} <{AUTHOR['email']}>|{AUTHOR['name']} <{AUTHOR['email']}>"
    found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    status, head = found["status"], fleet.repository.head()
    assert status["lastPushCommit"] == head
    assert status["observedSourceRevision"] == f"main@sha1:{head}"
    assert status["observedPolicies"] == {"app": {"name": fleet.image, "tag": "1.0.1"}}
    assert status["lastPushTime"] >= status["lastAutomationRunTime"]
    event = fleet.space.wait_event(
        "ImageUpdateAutomation",
        "fleet",
        type="Normal",
        reason="Succeeded",
        message=f"^committed and pushed commit '{head}' to branch 'main'\nUpdate images$",
    )
    assert event["source"]["component"] == "image-automation-controller"


def test_new_tag_is_committed_at_once_and_a_second_look_changes_nothing(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.push_tag("1.0.2")
    fleet.wait_commits(3)
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml")
    found = fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")
    head = fleet.repository.head()
    assert fleet.repository.messages()[0] == "Update images"
    assert len(fleet.repository.messages()) == 3
    ready = condition(found, "Ready")
    assert re.fullmatch(rf"no updates made; last commit {head[:7]} at [0-9T:-]+Z", ready["message"])


def test_helm_values_in_one_file_by_name_and_tag(fleet: Fleet) -> None:
    files = {"helm/my-values.yaml": VALUES.format(name="cnych/devops-demo", ns=fleet.space.name)}
    fleet.repository.commit(files, "Add a chart")
    automation(
        fleet.space,
        "fleet",
        source="fleet",
        path="./helm/my-values.yaml",
        message="{{range .Updated.Images}}{{println .}}{{end}}",
    )
    messages = fleet.wait_commits(3)
    assert messages[0] == f"{fleet.image}:1.0.1"
    want = VALUES.format(name=fleet.image, ns=fleet.space.name).replace("d3fc3d5", "1.0.1")
    assert fleet.repository.file("helm/my-values.yaml") == want
    assert "app:1.0.0 #" in fleet.repository.file("app.yaml")


@pytest.mark.parametrize(
    ("template", "want"),
    [
        pytest.param("{{range .Updated.Images}}{{println .}}{{end}}", "{image}:1.0.1", id="images-of-2023"),
        pytest.param("Automation name: {{ .AutomationObject }}", "Automation name: {ns}/fleet", id="automation"),
        pytest.param(
            "{{ range $filename, $_ := .Updated.Files -}} - {{ $filename }} {{ end -}}",
            "- app.yaml ",
            id="files-of-2023",
        ),
        pytest.param(
            "{{ range $resource, $_ := .Updated.Objects -}} - "
            "{{ $resource.Kind | lower }} {{ $resource.Name | lower }} {{ end -}}",
            "- deployment app ",
            id="objects-of-2023",
        ),
        pytest.param(
            "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ end }}",
            "{image}:1.0.0 -> {image}:1.0.1",
            id="changes",
        ),
        pytest.param("on {{ .Values.cluster }}", "on production", id="values"),
    ],
)
def test_message_templates(fleet: Fleet, template: str, want: str) -> None:
    git = {
        "commit": {
            "author": AUTHOR,
            "messageTemplate": template,
            "messageTemplateValues": {"cluster": "production"},
        }
    }
    automation(fleet.space, "fleet", source="fleet", git=git)
    message = fleet.wait_commits(2)[0]
    assert message.strip() == want.format(image=fleet.image, ns=fleet.space.name).strip()


def test_push_to_another_branch_creates_it_and_continues_it(fleet: Fleet) -> None:
    start = fleet.repository.head()
    automation(fleet.space, "fleet", source="fleet", push={"branch": "image-updates"})
    fleet.wait_commits(2, "image-updates")
    assert fleet.repository.head() == start
    found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    assert found["status"]["observedSourceRevision"] == f"main@sha1:{start}"
    assert found["status"]["lastPushCommit"] == fleet.repository.head("image-updates")
    fleet.push_tag("1.0.2")
    fleet.wait_commits(3, "image-updates")
    assert fleet.repository.head() == start


def test_refspec_is_pushed_as_well(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet", push={"refspec": "refs/heads/main:refs/heads/mirror"})
    fleet.wait_commits(2)
    eventually(lambda: fleet.repository.head("mirror") == fleet.repository.head(), what="the mirror to follow")


def test_access_token_is_a_login(fleet: Fleet, git_host: GitHost) -> None:
    token = git_host.create_token(fleet.space.name)
    fleet.space.apply("Secret", "token", stringData={"username": "any", "password": token})
    fleet.space.patch("GitRepository", "fleet", {"secretRef": {"name": "token"}})
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)


def test_foreign_commits_are_built_upon(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    theirs = fleet.repository.commit({"README.md": "# changed\n"}, "Somebody else")
    fleet.push_tag("1.0.2")
    fleet.wait_commits(4)
    assert fleet.repository.log("-1", "--format=%P").strip() == theirs
    assert fleet.repository.file("README.md") == "# changed\n"


def test_automation_is_skipped_while_suspended(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet", suspend=True)
    fleet.push_tag("1.0.2")
    fleet.space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.2")
    fleet.space.patch("ImageUpdateAutomation", "fleet", {"suspend": False})
    fleet.wait_commits(2)
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml")


def test_values_of_a_suspended_policy_are_left_to_people(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.space.patch("ImagePolicy", "app", {"suspend": True})
    left_alone = fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="which is suspended")
    assert [finding["reason"] for finding in left_alone["status"]["findings"]] == ["PolicySuspended"]
    theirs = fleet.repository.file("app.yaml").replace(":1.0.1 ", ":1.0.0 ")
    fleet.repository.commit({"app.yaml": theirs}, "Back to what worked")
    fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")
    assert fleet.repository.file("app.yaml") == theirs
    fleet.space.patch("ImagePolicy", "app", {"suspend": False})
    fleet.wait_commits(4)
    assert "app:1.0.1 #" in fleet.repository.file("app.yaml")


def test_values_of_a_policy_that_is_not_ready_stay(fleet: Fleet) -> None:
    fleet.space.patch("ImagePolicy", "app", {"policy": {"semver": {"range": "9.x"}}})
    fleet.space.wait_not_ready("ImagePolicy", "app", reason="Failure")
    automation(fleet.space, "fleet", source="fleet")
    found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="which is not ready")
    assert [finding["reason"] for finding in found["status"]["findings"]] == ["PolicyNotReady"]
    fleet.push_tag("9.0.0")
    fleet.wait_commits(2)
    assert "app:9.0.0 #" in fleet.repository.file("app.yaml")


def test_selector_leaves_other_policies_out(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet", policySelector={"matchLabels": {"team": "red"}})
    found = fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    assert "observedPolicies" not in found["status"]
    fleet.space.kubectl("label", "imagepolicy", "app", "-n", fleet.space.name, "team=red")
    fleet.wait_commits(2)


def test_two_automations_on_one_branch_do_not_lose_each_other(fleet: Fleet) -> None:
    files = {f"{name}/app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker, name) for name in ("one", "two")}
    fleet.repository.commit(files, "Two folders")
    for name in ("one", "two"):
        automation(fleet.space, name, source="fleet", path=name, message=name)
    messages = fleet.wait_commits(4)
    assert sorted(messages[:2]) == ["one", "two"]
    fleet.push_tag("1.0.2")
    messages = fleet.wait_commits(6)
    assert sorted(messages[:2]) == ["one", "two"]
    for name in ("one", "two"):
        assert "app:1.0.2 #" in fleet.repository.file(f"{name}/app.yaml")


def test_edited_spec_is_acted_on_though_policies_and_branch_are_unchanged(fleet: Fleet) -> None:
    files = {f"{name}/app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker, name) for name in ("one", "two")}
    fleet.repository.commit(files, "Two folders")
    automation(fleet.space, "fleet", source="fleet", path="one")
    fleet.wait_commits(3)
    fleet.space.patch("ImageUpdateAutomation", "fleet", {"update": {"path": "two"}})
    fleet.wait_commits(4)
    assert "app:1.0.1 #" in fleet.repository.file("two/app.yaml")


def test_policies_that_move_within_the_delay_get_into_one_commit(fleet: Fleet) -> None:
    space, other = fleet.space, fleet.image.replace("/app", "/api")
    fleet.pusher.push(f"{space.name}/api", "1.0.0")
    image_repository(space, "api", other)
    semver_policy(space, "api")
    space.wait_ready("ImagePolicy", "api")
    files = {"api.yaml": deployment(f"{other}:1.0.0", f"{space.name}:api", "api")}
    fleet.repository.commit(files, "Add the API")
    automation(space, "fleet", source="fleet", policyChangeDelay="4s")
    fleet.wait_commits(3)  # a new automation does not wait
    space.wait_ready("ImageUpdateAutomation", "fleet")
    for name, tag in (("app", "1.0.2"), ("api", "1.0.1")):
        fleet.pusher.push(f"{space.name}/{name}", tag)
        space.request("ImageRepository", name)
        space.wait_ready("ImagePolicy", name, message=f"resolved to {tag}")
    assert len(fleet.repository.messages()) == 3, "a change of a policy waits"
    fleet.wait_commits(4)
    assert ":1.0.2" in fleet.repository.file("app.yaml")
    assert ":1.0.1" in fleet.repository.file("api.yaml")
