"""What other tools were told about the images of a repository, as instructions for ours.

One module a tool, each a pure function from a file to instructions and notes on what cannot be carried over. To add
one, write the module and its row in `tools.TOOLS`.
"""
