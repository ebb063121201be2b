"""What `tagline check` looks at, a module each."""
