"""Access to a cluster with the rights of a kubeconfig, for verbs that need one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config


@asynccontextmanager
async def connect(kubeconfig: str, *, user_agent: str) -> AsyncIterator[KubeClient]:
    """Yield a client, closed at the end; kubeconfig: empty for the default. Raises NotConfigured."""
    config = await asyncio.to_thread(load_config, kubeconfig or None)
    client = KubeClient(config, user_agent=user_agent, clock=SYSTEM_CLOCK)
    try:
        yield client
    finally:
        await client.close()


def parse_key(text: str) -> Key:
    """Return the object that `NAMESPACE/NAME` means; without a namespace: default."""
    namespace, slash, name = text.partition("/")
    return Key(namespace, name) if slash else Key("default", text)
