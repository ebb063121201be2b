"""Access to a cluster with the rights of a kubeconfig, for verbs that use the controllers' client.

Which cluster, and as whom, is said by the same files and variables as for all other verbs (`cli.kube`).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from cli.kube.config import ConnectionOptions, load
from cli.kube.connection import Connection, Identity, tls_context
from cli.kube.deadline import Deadline
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig

PLUGIN_SECONDS = 120.0
"""An exec plugin may ask a person."""


@asynccontextmanager
async def connect(kubeconfig: str, *, user_agent: str) -> AsyncIterator[KubeClient]:
    """Yield a client, closed at the end; kubeconfig: empty for the default. Raises NotConfigured."""
    config = await asyncio.to_thread(read_cluster, kubeconfig, os.environ)
    client = KubeClient(config, user_agent=user_agent, clock=SYSTEM_CLOCK)
    try:
        yield client
    finally:
        await client.close()


def read_cluster(kubeconfig: str, environ: Mapping[str, str]) -> ClusterConfig:
    """Return the cluster that a kubeconfig, the environment or the pod names. May run an exec plugin.

    Raises NotConfigured, and TimedOut when a plugin does not end.
    """
    connection = load(ConnectionOptions(kubeconfig=kubeconfig), environ)
    identity = connection.credentials.identity(Deadline(PLUGIN_SECONDS))
    return ClusterConfig(
        connection.server,
        connection.namespace or "default",
        tls=tls_context(connection.trust, identity) if connection.server.startswith("https:") else None,
        credentials=_Authorization(connection, identity) if identity.authorization else None,
        server_name=connection.trust.server_name,
        proxy=connection.proxy,
    )


class _Authorization:
    """The header of an identity, as the controllers' client asks for it; a plugin or a file is asked in a thread."""

    def __init__(self, connection: Connection, identity: Identity) -> None:
        self._credentials = connection.credentials
        self._authorization = identity.authorization
        self._one_at_a_time = asyncio.Lock()

    async def authorization(self, *, renew: bool = False) -> str:
        """Return the header's value. renew: the server refused the last one, get a new one."""
        if renew:
            refused = self._authorization
            async with self._one_at_a_time:
                if self._authorization == refused:
                    self._authorization = await asyncio.to_thread(self._renewed)
        return self._authorization

    def _renewed(self) -> str:
        if not self._credentials.renew():
            return self._authorization
        return self._credentials.identity(Deadline(PLUGIN_SECONDS)).authorization


def parse_key(text: str) -> Key:
    """Return the object that `NAMESPACE/NAME` means; without a namespace: default."""
    namespace, slash, name = text.partition("/")
    return Key(namespace, name) if slash else Key("default", text)
