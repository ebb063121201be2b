"""The grammar of the command line: a tree of groups and commands, flags as the field's tools read them, help.

click parses the flags of a command and converts their values. What it does not do is done here: flags before the
command that they belong to, `--flag=false`, errors and help in the words that users of `kubectl` and `flux` know.
"""
