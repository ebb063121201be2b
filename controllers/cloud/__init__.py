"""Identities in AWS, Azure and Google Cloud: whose they are, logins with the clouds' own SDKs, and their cache.

An SDK is optional and loaded by the first login that needs it. Knows no Kubernetes: whose identity is meant, and a
token that proves it, are given by the caller. What a cloud's registry or Git host accepts is in `registry.cloud` and
`git.login`.
"""
