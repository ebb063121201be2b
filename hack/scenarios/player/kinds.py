"""The kinds that scenarios have."""

IMAGE, SOURCE = "image.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"
PLURAL = {"ImageRepository": "imagerepositories", "ImagePolicy": "imagepolicies",
          "ImageUpdateAutomation": "imageupdateautomations", "GitRepository": "gitrepositories",
          "Secret": "secrets", "ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps", "Namespace": "namespaces"}
WATCHED = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation")
