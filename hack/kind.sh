#!/usr/bin/env bash
# The end-to-end tests on a kind cluster: first with the controllers as local processes, as everywhere else, then with
# the image of the Dockerfile running in the cluster. Needs Linux with docker, kind and kubectl. KEEP=1 keeps the cluster.
# Not run where tagline is developed, since there is no Docker there; see docs/development.md.
set -euo pipefail
cd "$(dirname "$0")/.."

CLUSTER=${CLUSTER:-tagline-e2e}
VERSION=$(.venv/bin/python -c 'from api.version import VERSION; print(VERSION)')
IMAGE=ghcr.io/tagline/tagline:v$VERSION
REGISTRY_USER=robot
GIT_USER=gitadmin
PASSWORD=$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(12))')

for tool in docker kind kubectl; do
  command -v "$tool" >/dev/null || { echo "make e2e-kind needs $tool on PATH" >&2; exit 2; }
done

work=$(mktemp -d)
containers=()
cleanup() {
  if [ -n "${KEEP:-}" ]; then
    echo "kept: KUBECONFIG=$KUBECONFIG; remove with: kind delete cluster --name $CLUSTER; docker rm -f ${containers[*]}"
    return
  fi
  if [ ${#containers[@]} -gt 0 ]; then docker rm -f "${containers[@]}" >/dev/null; fi
  kind delete cluster --name "$CLUSTER"
  rm -rf "$work"
}
export KUBECONFIG=$work/kubeconfig
trap cleanup EXIT

kind create cluster --name "$CLUSTER" --wait 120s

# In kind's own network: the addresses work from pods and, on Linux, from this machine.
run() { # NAME ARGUMENTS...: starts a container and prints its address
  local name=$CLUSTER-$1
  docker run --detach --network kind --name "$name" "${@:2}" >/dev/null
  docker inspect --format '{{(index .NetworkSettings.Networks "kind").IPAddress}}' "$name"
}
wait_for() { # URL
  for _ in $(seq 120); do
    case $(curl --silent --output /dev/null --write-out '%{http_code}' "$1") in 200 | 401) return ;; esac
    sleep 1
  done
  echo "$1 does not answer" >&2
  return 1
}
.venv/bin/python -c 'import bcrypt, sys; print(f"{sys.argv[1]}:{bcrypt.hashpw(sys.argv[2].encode(), bcrypt.gensalt(4)).decode()}")' \
  "$REGISTRY_USER" "$PASSWORD" >"$work/htpasswd"
containers=("$CLUSTER-registry" "$CLUSTER-open-registry" "$CLUSTER-gitea")
closed=$(run registry --volume "$work/htpasswd:/auth/htpasswd:ro" --env REGISTRY_AUTH=htpasswd \
  --env REGISTRY_AUTH_HTPASSWD_REALM=kind --env REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd \
  --env REGISTRY_STORAGE_DELETE_ENABLED=true registry:3.0.0)
anyone=$(run open-registry --env REGISTRY_STORAGE_DELETE_ENABLED=true registry:3.0.0)
gitea=$(run gitea --env GITEA__database__DB_TYPE=sqlite3 --env GITEA__security__INSTALL_LOCK=true \
  --env GITEA__service__DISABLE_REGISTRATION=true --env GITEA__repository__DEFAULT_BRANCH=main gitea/gitea:1.26.0)
wait_for "http://$closed:5000/v2/"
wait_for "http://$anyone:5000/v2/"
wait_for "http://$gitea:3000/api/healthz"
docker exec --user git "$CLUSTER-gitea" gitea admin user create --admin --must-change-password=false \
  --username "$GIT_USER" --password "$PASSWORD" --email admin@example.com

export KUBECTL E2E_REGISTRY=$closed:5000 E2E_REGISTRY_USER=$REGISTRY_USER E2E_REGISTRY_PASSWORD=$PASSWORD
export E2E_OPEN_REGISTRY=$anyone:5000 E2E_GIT_URL=http://$gitea:3000 E2E_GIT_USER=$GIT_USER E2E_GIT_PASSWORD=$PASSWORD
export E2E_GIT_SSH_PORT=22
KUBECTL=$(command -v kubectl)

# The Deployments of the manifests must not act beside the local processes: their namespace gets no pods yet.
kubectl apply -f manifests/namespace.yaml
kubectl create quota no-pods --namespace tagline-system --hard=pods=0
.venv/bin/pytest -q e2e

BASE=python:3.11-slim-bookworm
docker pull --quiet "$BASE"
DOCKER_BUILDKIT=1 docker build --tag "$IMAGE" \
  --build-arg "PYTHON_IMAGE=$(docker image inspect --format '{{index .RepoDigests 0}}' "$BASE")" .
kind load docker-image "$IMAGE" --name "$CLUSTER"
kubectl delete quota no-pods --namespace tagline-system
# Servers of the tests listen at this machine's end of that network, which pods reach.
E2E_HOST=$(docker network inspect kind --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | grep -m 1 -F .)
export E2E_HOST
.venv/bin/python -m hack.deployed "$IMAGE"
