"""A small synchronous client of the API server, for verbs that end in a moment and must begin in one.

The controllers' client is made for many requests at a time and takes 200 ms to import; this one is made of the standard
library and takes about 25. `config` reads a kubeconfig, `client` has the verbs, `http1` and `transport` move the bytes.
"""
