"""The ImageRepository controller: scans registries, stores tag lists, tells in its status what it found."""
