"""From the source of a template to its parse tree: lexer, parser, nodes. Runs nothing."""
