"""The ImagePolicy controller: chooses the latest tag of a scanned repository and records it in its status.

Orders the steps of a run and says what each error means; how a tag is chosen is in `selection` and `policy`.
"""
