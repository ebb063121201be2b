# One image for the three controllers and the command line; manifests/ says what a Deployment runs. docs/image.md has all
# about it. Without Docker: `make image`. With it:
#   docker buildx build -t registry.example.com/tagline:v0.1.0 --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:... .
# A tag can be moved, so the base has to be given by its digest, which the registry says:
#   docker buildx imagetools inspect python:3.11-slim-bookworm --format '{{.Manifest.Digest}}'
# It has to be Debian's or on Debian, with the Python release that requirements/*.txt are resolved for, and pip.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS build
ARG PYTHON_IMAGE
RUN case "$PYTHON_IMAGE" in *@sha256:*) ;; *) echo "PYTHON_IMAGE has no digest: $PYTHON_IMAGE" >&2; exit 1 ;; esac
RUN { command -v strip && command -v git; } >/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends binutils git; }
WORKDIR /src
# run: with the clouds' SDKs. run-nocloud: without.
ARG LOCK=run
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/build.txt requirements/run.txt requirements/run-nocloud.txt requirements/
# Two secrets, both optional: how pip reaches an index of yours, and whom it trusts. No layer keeps them.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /opt/build && python3 -m venv --without-pip /opt/tagline \
 && python3 -m pip --python /opt/build/bin/python install --require-hashes -r requirements/build.txt \
 && python3 -m pip --python /opt/tagline/bin/python install --no-compile --require-hashes --report /src/installed.json \
    -r "requirements/$LOCK.txt"
COPY setup.cfg setup.py pyproject.toml README.md LICENSE ./
COPY api api
COPY cli cli
COPY controllers controllers
COPY hack/image/inside hack/image/inside
# Everything that is needed is there by now: building fetches nothing.
ARG SOURCE_DATE_EPOCH=0
RUN python3 -m pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheel . \
 && python3 -m pip --python /opt/tagline/bin/python install --no-compile --no-deps --no-index /wheel/*.whl
# What the final image has: interpreter, libraries, certificates, packages, bytecode, bill of materials. No shell, no pip.
RUN PYTHONHASHSEED=0 python3 -m hack.image.inside --environment /opt/tagline --report /src/installed.json --to /rootfs

FROM scratch
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="tagline" \
      org.opencontainers.image.description="Image automation for GitOps: controllers and command line" \
      org.opencontainers.image.source="https://github.com/tagline/tagline" \
      org.opencontainers.image.documentation="https://github.com/tagline/tagline/blob/main/docs/image.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
COPY --from=build /rootfs /
# The root file system is read-only in the manifests, so no bytecode is written at run time; nothing is imported from
# the working directory.
ENV PATH=/opt/tagline/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 LANG=C.UTF-8
WORKDIR /
USER 65534:65534
CMD ["python", "-m", "controllers.imagerepository"]
