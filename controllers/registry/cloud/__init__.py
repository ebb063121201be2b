"""Logins to the registries of AWS, Azure and Google Cloud: what each wants to see of an identity in its cloud."""
