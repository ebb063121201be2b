# One image for the three controllers; manifests/ says which one a Deployment runs.
#   docker build -t registry.example.com/tagline:v0.1.0 --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:... .
# A tag can be moved, so the base has to be given by its digest, which the registry says:
#   docker buildx imagetools inspect python:3.11-slim --format '{{.Manifest.Digest}}'
# The Python release is the one that requirements/*.txt are resolved for.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS build
ARG PYTHON_IMAGE
RUN case "$PYTHON_IMAGE" in *@sha256:*) ;; *) echo "PYTHON_IMAGE has no digest: $PYTHON_IMAGE" >&2; exit 1 ;; esac
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/build && python -m venv /opt/tagline
COPY requirements/build.txt requirements/run.txt requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/tagline/bin/pip install --require-hashes -r requirements/run.txt
COPY setup.cfg setup.py pyproject.toml README.md LICENSE ./
COPY api api
COPY cli cli
COPY controllers controllers
# Everything that is needed is there by now: building fetches nothing.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/tagline/bin/pip install --no-deps /wheel/*.whl \
 && /opt/tagline/bin/pip uninstall --yes pip setuptools

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/tagline /opt/tagline
# The root file system is read-only in the manifests, so no bytecode is written at run time; nothing is imported from
# the working directory.
ENV PATH=/opt/tagline/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
WORKDIR /
USER 65534:65534
CMD ["python", "-m", "controllers.imagerepository"]
