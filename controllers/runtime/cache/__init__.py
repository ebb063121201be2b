"""What the server has, kept in memory: informers and their stores."""
