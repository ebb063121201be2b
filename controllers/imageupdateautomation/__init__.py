"""The ImageUpdateAutomation controller: writes the images that policies chose into Git.

Orders the steps of a run and says what each error means; edits and pushes are in `update`, remotes in `gitaccess`.
"""
