"""Stand-ins for forges: they keep state, and refuse what the real ones refuse. Made from their documentation."""
