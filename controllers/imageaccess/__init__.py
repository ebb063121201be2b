"""How an ImageRepository's registry is reached: the Secrets and ServiceAccounts that its spec names, and logins."""
