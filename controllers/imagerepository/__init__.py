"""The ImageRepository controller: scans registries, stores tag lists, records in its status what it found."""
