"""Makes the final image's root file system inside of the build: what runs in the Dockerfile's first stage.

It runs on the base's Python with the standard library alone, and imports nothing of the repository but this folder.
"""
