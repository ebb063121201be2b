"""The ImagePolicy controller: chooses the latest tag of a scanned repository and records it in its status."""
