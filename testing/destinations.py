"""Policies of tests, whose servers are all on this machine."""

from typing import Final

from controllers.net.destinations import Destinations, parse_networks

LOCAL_PROXIES: Final = Destinations(allowed=parse_networks(["127.0.0.0/8"]))
"""Loopback as if it were the network: for proxies, APIs and names that are not those of the user's URL."""
