"""From the objects that describe a repository to what Git needs: remotes, credentials and signing keys."""
