"""What every client of a network needs: addresses, proxies, TLS material, Retry-After, foreign text. No connections."""
