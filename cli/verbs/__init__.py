"""The verbs of `tagline`, one module each. What verbs share is in `cli`: manifests, printing, access to clusters."""
