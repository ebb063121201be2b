"""Objects of the API server, kept in memory: informers and their stores."""
