"""Objects of every kind for users: with what they need, with every field that there is, and with values to refuse."""

from typing import Any

from api.kinds import KINDS

GROUP = {kind.resource.kind: kind.resource.group for kind in KINDS}
VERSIONS = {
    "ImageRepository": ("v1beta1", "v1beta2", "v1"),
    "ImagePolicy": ("v1beta1", "v1beta2", "v1"),
    "ImageUpdateAutomation": ("v1beta1", "v1beta2", "v1"),
    "GitRepository": ("v1beta2", "v1"),
}

MINIMAL: dict[str, dict[str, Any]] = {
    "ImageRepository": {"image": "ghcr.io/org/app", "interval": "5m"},
    "ImagePolicy": {"imageRepositoryRef": {"name": "app"}, "policy": {}},
    "ImageUpdateAutomation": {"sourceRef": {"name": "app"}, "interval": "5m"},
    "GitRepository": {"url": "https://git.example.com/org/app", "interval": "5m"},
}

_ACCESS = {"namespaceSelectors": [{"matchLabels": {"team": "a"}}, {"matchLabels": {"team": "b"}}]}
_REF = {"branch": "main", "tag": "v1", "semver": "1.x", "name": "refs/heads/main", "commit": "0" * 40}
_INCLUDE = [{"repository": {"name": "other"}, "fromPath": "a", "toPath": "b"}]
_COMMON_STATUS: dict[str, Any] = {
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "all is well",
            "observedGeneration": 1,
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }
    ],
    "observedGeneration": 1,
    "lastHandledReconcileAt": "now",
}
_OLD = {"name": "ghcr.io/org/app", "tag": "1.0.0", "digest": "sha256:" + "0" * 64}
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_NEW = {"name": "ghcr.io/org/app", "tag": "1.1.0", "digest": "sha256:" + "1" * 64}
_ARTIFACT = {
    "digest": "sha256:" + "a" * 64,
    "checksum": "a" * 64,
    "path": "gitrepository/ns/app/0.tar.gz",
    "url": "http://source-controller/gitrepository/ns/app/0.tar.gz",
    "revision": "main@sha1:" + "0" * 40,
    "lastUpdateTime": "2024-01-01T00:00:00Z",
    "size": 1234,
    "metadata": {"a": "b"},
}

FULL_SPEC: dict[str, dict[str, Any]] = {
    "ImageRepository": {
        "image": "ghcr.io/org/app",
        "interval": "1h2m3.5s",
        "timeout": "2m3.5s",
        "secretRef": {"name": "pull"},
        "proxySecretRef": {"name": "proxy"},
        "serviceAccountName": "a" * 253,
        "certSecretRef": {"name": "tls"},
        "suspend": True,
        "accessFrom": _ACCESS,
        "exclusionList": [f"^x{number}$" for number in range(25)],
        "latestTags": {"count": 5, "order": "semver"},
        "provider": "aws",
        "insecure": True,
    },
    "ImagePolicy": {
        "imageRepositoryRef": {"name": "app", "namespace": "other"},
        "policy": {
            "semver": {"range": ">=1.0.0 <2.0.0"},
            "alphabetical": {"order": "desc"},
            "numerical": {"order": "desc"},
            "minAge": "72h",
            "allowDowngrade": False,
            "deny": [{"tag": "1.2.3"}, {"pattern": "-broken$"}],
            "platforms": ["linux/amd64", "linux/arm/v7"],
        },
        "filterTags": {"pattern": "^v(?P<n>.*)$", "extract": "$n"},
        "digestReflectionPolicy": "Always",
        "interval": "10m",
        "reflectSource": True,
        "accessFrom": _ACCESS,
        "suspend": True,
    },
    "ImageUpdateAutomation": {
        "sourceRef": {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "name": "app",
            "namespace": "other",
        },
        "git": {
            "checkout": {"ref": _REF},
            "commit": {
                "author": {"name": "Bot", "email": "bot@example.com"},
                "signingKey": {"secretRef": {"name": "key"}, "type": "ssh"},
                "messageTemplate": "{{ .AutomationObject }}",
                "messageTemplateValues": {"a": "b"},
            },
            "push": {"branch": "next", "refspec": "refs/heads/a:refs/heads/b", "options": {"ci.skip": "true"}},
        },
        "interval": "30m",
        "policySelector": {
            "matchLabels": {"app": "a"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}],
        },
        "policyNamespaces": _ACCESS,
        "update": {
            "strategy": "Setters",
            "path": "./clusters",
            "files": ["*.tf"],
            "targets": [{"file": "a.json", "path": "$.image.tag", "policy": "apps:app", "part": "tag"}],
            "holdReverted": True,
        },
        "policyChangeDelay": "30s",
        "suspend": True,
    },
    "GitRepository": {
        "url": "ssh://git@git.example.com/org/app",
        "interval": "1m",
        "timeout": "20s",
        "secretRef": {"name": "git"},
        "provider": "azure",
        "serviceAccountName": "git",
        "ref": _REF,
        "verify": {"mode": "head", "secretRef": {"name": "keys"}},
        "proxySecretRef": {"name": "proxy"},
        "ignore": "/docs",
        "suspend": True,
        "recurseSubmodules": True,
        "include": _INCLUDE,
        "sparseCheckout": ["clusters"],
        "gitImplementation": "go-git",
        "accessFrom": _ACCESS,
    },
}

KEYS = [
    {"extract": "$1", "type": "alphabetical", "order": "desc"},
    {"extract": "$2", "type": "numerical", "order": "asc"},
    {"extract": "$3", "type": "semver"},
]

PULL_REQUEST = {
    "forge": "gitea",
    "api": "https://git.example.com/api/v1",
    "secretRef": {"name": "token"},
    "branch": "up/{{ .Policy }}",
    "groupBy": "policy",
    "titleTemplate": "Update",
    "bodyTemplate": "All of it",
    "labels": ["images"],
    "reviewers": ["ann", "team/ops"],
    "assignees": ["ben"],
    "draft": False,
    "closeSuperseded": False,
    "rebase": "always",
    "limit": 5,
    "verifiedCommits": True,
    "recreateClosed": True,
}
_TARGET = {"file": "a.json", "path": "/a", "policy": "app"}

# What does not go together with the above.
ALTERNATIVES: dict[str, list[dict[str, Any]]] = {
    "ImagePolicy": [
        {"policy": {"keys": KEYS}},
        {"policy": {"newest": {"by": "FirstSeen"}}},
    ],
    "ImageUpdateAutomation": [{"git": {"pullRequest": {**PULL_REQUEST, "autoMerge": {"method": "squash"}}}}],
}

FULL_STATUS: dict[str, dict[str, Any]] = {
    "ImageRepository": {
        **_COMMON_STATUS,
        "canonicalImageName": "ghcr.io/org/app",
        "lastScanResult": {
            "tagCount": 2,
            "scanTime": "2024-01-01T00:00:00Z",
            "latestTags": ["1.1.0", "1.0.0"],
            "revision": "1943865137",
            "traceParent": _TRACE,
        },
        "observedExclusionList": [r"^.*\.sig$"],
        "observedLatestTags": {"count": 5, "order": "semver"},
    },
    "ImagePolicy": {
        **_COMMON_STATUS,
        "latestRef": _NEW,
        "observedPreviousRef": _OLD,
        "latestImage": "ghcr.io/org/app:1.1.0",
        "observedPreviousImage": "ghcr.io/org/app:1.0.0",
        "selection": {
            "tag": "1.1.0",
            "tagCount": 3,
            "refused": [{"reason": "Outranked", "count": 1}, {"reason": "NotAVersion", "count": 1}],
            "candidates": [{"tag": "v1", "value": "1", "reason": "Outranked", "message": "ranks below the chosen tag"}],
            "nextCandidateAt": "2024-01-01T00:00:00Z",
            "firstSeen": "2024-01-01T00:00:00Z",
            "traceParent": _TRACE,
        },
        "sources": [
            {
                "tag": "1.1.0",
                "digest": _NEW["digest"],
                "source": "https://github.com/org/app",
                "revision": "1" * 40,
            },
            {"tag": "1.0.0"},
        ],
    },
    "ImageUpdateAutomation": {
        **_COMMON_STATUS,
        "lastAutomationRunTime": "2024-01-01T00:00:00Z",
        "lastPushCommit": "0" * 40,
        "lastPushTime": "2024-01-01T00:00:00Z",
        "observedPolicies": {"app": _NEW},
        "observedSourceRevision": "main@sha1:" + "0" * 40,
        "findings": [{"file": "app.yaml", "line": 10, "reason": "UnknownPolicy", "message": "no such policy"}],
        "pullRequests": [
            {
                "number": 7,
                "url": "https://git.example.com/org/fleet/pulls/7",
                "branch": "tagline/apps-fleet",
                "base": "main",
                "head": "0" * 40,
                "policies": ["app", "other/app"],
                "content": "0a1b",
                "state": "Open",
                "since": "2024-01-01T00:00:00Z",
                "opened": "2024-01-01T00:00:00Z",
                "message": "labels: there is none",
                "reason": "ForeignCommit",
                "firstSeen": "2024-01-01T00:00:00Z",
                "traceParent": _TRACE,
                "retry": True,
            }
        ],
        "written": [{"file": "app.yaml", "setter": "apps:app:tag", "old": "1.0.0", "new": "1.1.0"}],
    },
    "GitRepository": {
        **_COMMON_STATUS,
        "url": "http://source-controller/latest.tar.gz",
        "artifact": _ARTIFACT,
        "includedArtifacts": [_ARTIFACT],
        "contentConfigChecksum": "sha256:" + "b" * 64,
        "observedIgnore": "/docs",
        "observedRecurseSubmodules": True,
        "observedInclude": _INCLUDE,
        "observedSparseCheckout": ["clusters"],
        "sourceVerificationMode": "head",
    },
}

TIMED = ("ImageRepository", "GitRepository")
NOT_DURATIONS = ("", "5", "5d", "-5m", "5m ", "1m30", "5\u00b5s")
# Kind, path, what else the value needs, and every value there is.
ENUMS: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("ImageRepository", "provider", {}, ("generic", "aws", "azure", "gcp")),
    ("ImageRepository", "latestTags.order", {}, ("alphabetical", "semver", "firstSeen")),
    ("ImagePolicy", "policy.alphabetical.order", {}, ("asc", "desc")),
    ("ImagePolicy", "policy.numerical.order", {}, ("asc", "desc")),
    ("ImagePolicy", "policy.newest.by", {}, ("FirstSeen", "BuildDate")),
    ("ImagePolicy", "digestReflectionPolicy", {}, ("IfNotPresent", "Never")),
    ("ImagePolicy", "digestReflectionPolicy", {"interval": "5m"}, ("Always",)),
    ("ImageUpdateAutomation", "sourceRef.kind", {}, ("GitRepository",)),
    ("ImageUpdateAutomation", "update.strategy", {}, ("Setters",)),
    *(
        ("ImageUpdateAutomation", f"git.pullRequest.{path}", {"git.commit.author.email": "a@b"}, values)
        for path, values in (
            ("forge", ("auto", "github", "gitlab", "gitea", "bitbucket", "bitbucket-server", "azuredevops")),
            ("groupBy", ("automation", "policy", "folder", "image")),
            ("rebase", ("conflicted", "always", "never")),
            ("autoMerge.method", ("merge", "squash", "rebase")),
        )
    ),
    (
        "ImageUpdateAutomation",
        "git.commit.signingKey.type",
        {"git.commit.author.email": "a@b", "git.commit.signingKey.secretRef.name": "k"},
        ("gpg", "ssh"),
    ),
    ("GitRepository", "provider", {}, ("generic", "aws", "azure", "github")),
    ("GitRepository", "verify.mode", {"verify.secretRef.name": "k"}, ("head", "HEAD", "Tag", "TagAndHEAD")),
    ("GitRepository", "gitImplementation", {}, ("go-git", "libgit2")),
]
_OFFERED = {"git.commit.author.email": "a@b", "git.pullRequest.forge": "auto"}
# Kind, and changes to its minimal spec (dotted paths; None removes).
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *((kind, also | {path: value}) for kind, path, also, values in ENUMS for value in values),
    *((kind, {"interval": text}) for kind in TIMED for text in ("1h", "1h2m3.5s4ms")),
    *((kind, {"timeout": text}) for kind in TIMED for text in ("90s", "1m30s", "5ms")),
    ("ImageUpdateAutomation", {"interval": "1h30m"}),
    ("ImageRepository", {"serviceAccountName": "a" * 253}),
    ("ImageRepository", {"accessFrom.namespaceSelectors": []}),
    ("ImageRepository", {"accessFrom.namespaceSelectors": [{}]}),
    ("ImageRepository", {"image": "https://any/text:is@accepted"}),
    ("ImagePolicy", {"policy.keys": KEYS, "filterTags": {"pattern": "(.)-(.)"}}),
    ("ImagePolicy", {"policy.newest": {"by": "BuildDate"}, "policy.minAge": "1h30m"}),
    ("ImagePolicy", {"policy.newest": {"by": "FirstSeen"}, "policy.allowDowngrade": True}),
    ("ImageUpdateAutomation", {"git.commit.author.email": "a@b", "git.pullRequest": PULL_REQUEST}),
    (
        "ImageUpdateAutomation",
        {"git.commit.author.email": "a@b", "git.pullRequest": {}, "git.push.options": {"a": "b"}},
    ),
    ("ImageUpdateAutomation", {"update.targets": [_TARGET, {**_TARGET, "path": "$['a b'][0]", "part": "digest"}]}),
    ("GitRepository", {"url": "http://git"}),
    ("GitRepository", {"serviceAccountName": "a", "provider": "azure"}),
    ("GitRepository", {"serviceAccountName": "a", "provider": "aws"}),
]
_UNSUPPORTED = "Unsupported value"
_ALWAYS_ONLY = "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"
_INTERVAL_NEEDED = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
_ONE_WAY = "cannot be combined with each other or with another way to rank tags"
_ACCOUNT = "serviceAccountName can only be set when provider is 'azure' or 'aws'"
# The same, and a part of the server's answer.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    *((kind, also | {path: "other"}, _UNSUPPORTED) for kind, path, also, _ in ENUMS),
    *(
        (kind, {"interval": text}, "should match")
        for kind in ("ImageRepository", "GitRepository")
        for text in NOT_DURATIONS
    ),
    *(
        (kind, {"timeout": text}, "should match")
        for kind in ("ImageRepository", "GitRepository")
        for text in ("", "1h")
    ),
    ("ImageUpdateAutomation", {"interval": "5d"}, "should match"),
    ("ImagePolicy", {"interval": "5d", "digestReflectionPolicy": "Always"}, "should match"),
    ("ImagePolicy", {"interval": "5m"}, _ALWAYS_ONLY),
    ("ImagePolicy", {"interval": "5m", "digestReflectionPolicy": "IfNotPresent"}, _ALWAYS_ONLY),
    ("ImagePolicy", {"digestReflectionPolicy": "Always"}, _INTERVAL_NEEDED),
    ("ImagePolicy", {"policy.keys": KEYS}, "spec.policy.keys needs spec.filterTags.pattern"),
    ("ImagePolicy", {"policy.keys": KEYS, "filterTags": {"pattern": "a", "extract": "$0"}}, "without spec.filterTags"),
    ("ImagePolicy", {"policy.keys": KEYS, "filterTags": {"pattern": "a"}, "policy.numerical": {}}, _ONE_WAY),
    ("ImagePolicy", {"policy.keys": KEYS, "filterTags": {"pattern": "a"}, "policy.newest.by": "FirstSeen"}, _ONE_WAY),
    ("ImagePolicy", {"policy.newest.by": "FirstSeen", "policy.semver.range": "*"}, _ONE_WAY),
    ("ImagePolicy", {"policy.newest.by": "FirstSeen", "policy.allowDowngrade": False}, "policy.newest ranks times"),
    ("ImagePolicy", {"policy.newest": {}}, "Required value"),
    ("ImagePolicy", {"policy.keys": [{"extract": "", "type": "semver"}]}, "at least 1 chars long"),
    ("ImagePolicy", {"policy.keys": [{"extract": "$1", "type": "other"}]}, _UNSUPPORTED),
    ("ImagePolicy", {"policy.minAge": "3d"}, "should match"),
    ("ImagePolicy", {"policy.deny": [{}]}, "exactly one of tag and pattern must be set"),
    ("ImagePolicy", {"policy.deny": [{"tag": "1", "pattern": "1"}]}, "exactly one of tag and pattern must be set"),
    ("ImagePolicy", {"policy.platforms": ["linux"]}, "should match"),
    ("ImagePolicy", {"policy.platforms": ["linux/arm64", "linux/arm64"]}, "Duplicate value"),
    ("ImageUpdateAutomation", _OFFERED | {"git.push.branch": "x"}, "cannot be combined with git.pullRequest"),
    ("ImageUpdateAutomation", _OFFERED | {"git.push.refspec": "a:b"}, "cannot be combined with git.pullRequest"),
    ("ImageUpdateAutomation", _OFFERED | {"git.checkout.ref.tag": "v1"}, "needs a branch to be checked out"),
    ("ImageUpdateAutomation", _OFFERED | {"git.checkout.ref.commit": "ab"}, "needs a branch to be checked out"),
    ("ImageUpdateAutomation", _OFFERED | {"update.holdReverted": True}, "holdReverted cannot be combined"),
    (
        "ImageUpdateAutomation",
        _OFFERED | {"git.pullRequest.draft": True, "git.pullRequest.autoMerge": {}},
        "a draft is not merged",
    ),
    ("ImageUpdateAutomation", _OFFERED | {"git.pullRequest.limit": -1}, "greater than or equal to 0"),
    ("ImageUpdateAutomation", _OFFERED | {"git.pullRequest.api": "ftp://x"}, "should match"),
    ("ImageUpdateAutomation", {"update.targets": [{**_TARGET, "path": "image.tag"}]}, "should match"),
    ("ImageUpdateAutomation", {"update.targets": [{**_TARGET, "policy": "a:b:tag"}]}, "should match"),
    ("ImageUpdateAutomation", {"update.targets": [{**_TARGET, "part": "hash"}]}, _UNSUPPORTED),
    ("ImageUpdateAutomation", {"update.targets": [{"file": "a", "path": "/a"}]}, "Required value"),
    ("ImageUpdateAutomation", {"policyNamespaces": {}}, "namespaceSelectors: Required value"),
    ("ImagePolicy", {"accessFrom": {}}, "namespaceSelectors: Required value"),
    ("GitRepository", {"serviceAccountName": "a"}, _ACCOUNT),
    ("GitRepository", {"serviceAccountName": "a", "provider": "generic"}, _ACCOUNT),
    ("GitRepository", {"serviceAccountName": "a", "provider": "github"}, _ACCOUNT),
    ("GitRepository", {"url": "git@host:path"}, "should match"),
    ("ImageRepository", {"serviceAccountName": "a" * 254}, "may not be more than 253"),
    ("ImageRepository", {"latestTags.count": 0}, "greater than or equal to 1"),
    ("ImageRepository", {"latestTags.count": 101}, "less than or equal to 100"),
    ("ImageRepository", {"accessFrom": {}}, "spec.accessFrom.namespaceSelectors: Required value"),
    *(
        (kind, {path: None if path in MINIMAL[kind] else {}}, "Required value")
        for kind, path in (
            ("ImageRepository", "image"),
            ("ImageRepository", "interval"),
            ("ImageRepository", "secretRef"),
            ("ImageRepository", "certSecretRef"),
            ("ImageRepository", "proxySecretRef"),
            ("ImagePolicy", "imageRepositoryRef"),
            ("ImagePolicy", "policy"),
            ("ImagePolicy", "policy.semver"),
            ("ImageUpdateAutomation", "sourceRef"),
            ("ImageUpdateAutomation", "interval"),
            ("ImageUpdateAutomation", "git"),
            ("ImageUpdateAutomation", "git.commit"),
            ("ImageUpdateAutomation", "git.commit.author"),
            ("ImageUpdateAutomation", "git.checkout"),
            ("GitRepository", "url"),
            ("GitRepository", "interval"),
            ("GitRepository", "verify"),
            ("GitRepository", "secretRef"),
        )
    ),
    *((kind, {"unheardOf": "x"}, 'unknown field "spec.unheardOf"') for kind in VERSIONS),
]
