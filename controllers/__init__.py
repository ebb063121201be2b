"""The three controllers and the packages they are made of; docs/development.md has the layout and who may import whom."""
