"""Logins to the registries of AWS, Azure and Google Cloud: what each accepts from an identity in its cloud."""
