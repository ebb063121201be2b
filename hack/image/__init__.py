"""The image without Docker: base, build, bill of materials, checks. `inside` is what runs in the build itself."""
