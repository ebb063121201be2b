"""Git's objects: names, trees, commits, packs, and the store that keeps them between runs."""
