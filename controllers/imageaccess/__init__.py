"""How an ImageRepository's registry is entered: reads the Secrets and ServiceAccounts that its spec names."""
