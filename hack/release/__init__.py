"""What a release consists of: versions that agree, notes, and the files that go with them."""
