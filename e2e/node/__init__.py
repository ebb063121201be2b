"""Tests of the controllers as pods on a node of this machine (`hack.env.node`): `make e2e-node`.

They need root, Debian and cgroups, and leave nothing behind. `E2E_IMAGE` is the archive of an image; `E2E_NODE_DIR`
names the folder of an environment that runs already (`make env-up NODE=1`).
"""
