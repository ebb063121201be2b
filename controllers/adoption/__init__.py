"""What a repository needs so that its images follow a registry: objects, and markers behind values.

Pure. `finder` finds images in files by their shape, `schemes` reads what a tag says about its order, `proposals` groups
occurrences into policies, `evidence` holds them against known tags, `objects` and `insertion` make the text. `origins`
reads what other tools were told about the same images. Files and registries are for the caller to ask.

Ours; Flux has nothing of the kind. What a marker may stand behind is not decided here but tried: an insertion counts
only if `controllers.setters` finds it, and reads everything else as before.
"""
