"""Where URLs may lead when the command line runs as its user, on the user's own machine.

Private networks and this machine are the user's, under whatever names: registries behind a port-forward, Git hosts of
/etc/hosts, proxies of a desktop. The controllers, which act for others, refuse this machine unless a spec names it.
Metadata services of clouds stay refused: in a CI that runs in one, they give out the machine's own identity.
"""

from typing import Final

from controllers.net.destinations import LOOPBACK, Destinations

DESTINATIONS: Final = Destinations(allowed=LOOPBACK)
FLAG: Final = f"--allowed-networks={','.join(map(str, LOOPBACK))}"
"""The same for a process of kinds. Such a process is given no environment, so no service network is denied."""
