"""What every client of a network knows: proxies, TLS material, origins, Retry-After. Pure; knows no protocol above."""
