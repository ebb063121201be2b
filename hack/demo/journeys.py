"""The two journeys: production follows releases by semver, staging follows the newest build of a branch."""

import time

from hack.demo import manifests
from hack.demo.demo_environment import NAMESPACE, DemoEnvironment
from hack.demo.narration import require
from hack.oci import Pusher


def production(world: DemoEnvironment) -> None:
    """Play a private image, a pull secret, a semver range, one Helm values file."""
    env, narrator = world.env, world.narrator
    image = f"{env.registry}/cnych/devops-demo"
    narrator.title("Production: releases by semver")
    with Pusher(env.registry, user=env.registry_user, password=env.registry_password) as registry:
        with narrator.step(f"CI has pushed {image}:1.0.0 to a private registry"):
            registry.push("cnych/devops-demo", "1.0.0")
        with narrator.step("the fleet repository has helm/my-values.yaml with markers behind name and tag"):
            before = manifests.VALUES.format(image=image)
            fleet = world.git.create_repository("fleet", {"helm/my-values.yaml": before, "README.md": "# fleet\n"})
        with narrator.step("kubectl create secret docker-registry, and the four objects are applied"):
            world.kubectl(
                "create", "secret", "docker-registry", "dockerconfig", "-n", NAMESPACE,
                f"--docker-server={env.registry}", f"--docker-username={env.registry_user}",
                f"--docker-password={env.registry_password}",
            )  # fmt: skip
            world.apply(
                manifests.repository("k8s-demo", image, secretRef={"name": "dockerconfig"}),
                manifests.policy("k8s-demo", {"semver": {"range": ">=1.0.0"}}),
                *manifests.source("fleet", fleet.url, env.git_user, env.git_password),
                manifests.automation("k8s-demo", "fleet", "./helm/my-values.yaml"),
            )
        with narrator.step("the policy has chosen 1.0.0 and the automation found Git as it should be"):
            world.wait_ready("ImageRepository", "k8s-demo", message="successful scan: found 1 tags")
            world.wait_ready("ImagePolicy", "k8s-demo", message="resolved to 1.0.0")
            world.wait_ready("ImageUpdateAutomation", "k8s-demo", message="no updates made")
        head = fleet.head()
        with narrator.step("CI pushes 1.0.1, and the commit is in Git"):
            registry.push("cnych/devops-demo", "1.0.1")
            new = world.timed_commit(fleet, "k8s-demo", pushed_at=time.monotonic(), head=head)
        with narrator.step("its diff is exactly the marked scalar, its message the updated images"):
            _require_only(world, fleet.file("helm/my-values.yaml"), before.replace("tag: 1.0.0 #", "tag: 1.0.1 #"))
            require(fleet.messages()[0] == f"{image}:1.0.1", what="another commit message", component=_log(world))
        with narrator.step("the automation's status has the commit"):
            found = world.wait_ready("ImageUpdateAutomation", "k8s-demo", message=new)
            require(found["status"]["lastPushCommit"] == new, what="another lastPushCommit", component=_log(world))


def staging(world: DemoEnvironment) -> None:
    """Play tags `main-<sha>-<unix time>`: the newest build of main, and of nothing else."""
    env, narrator = world.env, world.narrator
    image = f"{env.open_registry}/org/web"
    narrator.title("Staging: the newest build of main")
    with Pusher(env.open_registry) as registry:
        with narrator.step("CI has pushed main-2d3fcbd-1611906956"):
            registry.push("org/web", "main-2d3fcbd-1611906956")
        with narrator.step("repository, objects and policy (filterTags, numerical) are there"):
            before = manifests.DEPLOYMENT.format(image=f"{image}:main-2d3fcbd-1611906956")
            apps = world.git.create_repository("staging", {"web.yaml": before})
            world.apply(
                manifests.repository("staging", image),
                manifests.policy("staging", {"numerical": {"order": "asc"}}, filterTags=manifests.FILTER),
                *manifests.source("staging", apps.url, env.git_user, env.git_password),
                manifests.automation("staging", "staging", "."),
            )
            world.wait_ready("ImagePolicy", "staging", message="resolved to main-2d3fcbd-1611906956")
            world.wait_ready("ImageUpdateAutomation", "staging", message="no updates made")
        head = apps.head()
        newest = "main-25de3e1a-1695469144"
        with narrator.step(f"CI pushes {newest}, and the commit is in Git"):
            registry.push("org/web", newest)
            head = world.timed_commit(apps, "staging", pushed_at=time.monotonic(), head=head)
            _require_only(world, apps.file("web.yaml"), manifests.DEPLOYMENT.format(image=f"{image}:{newest}"))
        with narrator.step("an older build of main and a newer one of another branch are scanned and change nothing"):
            registry.push_tags("org/web", ["main-aaaaaaa-1600000000", "feature-bbbbbbb-1999999999"])
            world.scan_now("staging")
            world.wait_ready("ImageRepository", "staging", message="found 4 tags")
            world.wait_ready("ImagePolicy", "staging", message=f"resolved to {newest}")
            world.kubectl(
                "annotate", "imageupdateautomation", "staging", "-n", NAMESPACE,
                "reconcile.fluxcd.io/requestedAt=look-again",
            )  # fmt: skip
            world.wait_ready("ImageUpdateAutomation", "staging", message="no updates made; last commit")
            require(apps.head() == head, what="an unexpected commit", component=_log(world))


def _require_only(world: DemoEnvironment, got: str, want: str) -> None:
    require(got == want, what=f"the file is not as expected:\n{got}", component=_log(world))


def _log(world: DemoEnvironment) -> str:
    return str(world.controllers.log("imageupdateautomation"))
