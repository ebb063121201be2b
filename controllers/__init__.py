"""The three controllers and the packages they are made of. Layout and import rules: docs/development.md."""
