"""The ImageRepository controller: scans registries, stores tag lists, records in its status what it found.

Orders the steps of a run and says what each error means; requests are in `registry`, stored lists in `taglist`.
"""
