"""Git's objects: ids, trees, commits, packs, and the store that keeps them between runs."""
