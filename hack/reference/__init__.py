"""What the docs say about fields, flags, commands and reasons, generated from the code that has them.

Pages of kinds and commands, the table of flags, the list of reasons, and the part of mkdocs.yml that lists these pages.
The types in `api/` are read through the same schemas as the CRDs, so page, CRDs and code cannot differ; flags are read
from the processes' own --help, commands from the grammar that parses them.
"""
