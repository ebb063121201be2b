"""The pods of the story's application: which run, and what they answer."""

from typing import Any

import httpx

from hack.cligolden.kube import Api
from hack.story.fleet import APP
from hack.story.release import PORT

ANSWER_SECONDS = 2


def list_pods(api: Api, namespace: str) -> list[dict[str, Any]]:
    """Return the application's pods that are not on their way out."""
    found = api.request("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{APP}")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def answers(api: Api, namespace: str) -> list[str]:
    """Return what each pod that is ready answers over HTTP, asked at its own address."""
    return [text for pod in list_pods(api, namespace) if _is_ready(pod) and (text := _ask(pod["status"]["podIP"]))]


def waiting_reasons(api: Api, namespace: str) -> list[str]:
    """Return why containers do not run, in the kubelet's words: `CrashLoopBackOff`, `ImagePullBackOff`."""
    states = [
        status.get("state", {}) | status.get("lastState", {})
        for pod in list_pods(api, namespace)
        for status in pod.get("status", {}).get("containerStatuses", [])
    ]
    return [
        str(state[name].get("reason", "")) for state in states for name in ("waiting", "terminated") if name in state
    ]


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True"


def _ask(address: str) -> str:
    try:
        return httpx.get(f"http://{address}:{PORT}/", timeout=ANSWER_SECONDS, trust_env=False).text.strip()
    except httpx.HTTPError:  # it has just ended
        return ""
