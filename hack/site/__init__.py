"""The site of `docs/`: what `make docs` does besides what mkdocs does."""
