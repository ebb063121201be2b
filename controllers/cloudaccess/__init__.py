"""ServiceAccounts as identities in a cloud: reads them, has Kubernetes issue tokens for them, asks the cloud."""
