"""A node without Docker: kubelet, containerd and kube-proxy in namespaces of their own, and all that goes with them.

`Node` is what others use: load an image, run a program beside the kubelet, restart a part.
"""

from hack.env.node.node import Node

__all__ = ["Node"]
