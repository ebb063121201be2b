"""Logins to the registries of AWS, Azure and Google Cloud with their own SDKs, which are optional.

An SDK is loaded by the first login that needs it. Knows no Kubernetes: whose identity is meant, and a token that proves
it, are given by the caller.
"""
