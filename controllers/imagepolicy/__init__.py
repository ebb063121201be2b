"""The ImagePolicy controller: chooses the latest tag of a scanned repository and tells it in its status."""
