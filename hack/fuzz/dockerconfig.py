"""Pull secrets that were spoilt: each is read, or refused with the name of the Secret and no word of what is in it.

    python -m hack.fuzz.dockerconfig --seconds 60 --seed 1

Stops at the first one that raises anything else, shows a password or takes too long, prints it and the seed, exit
status 1.
"""

import base64
import random
import sys
import time
import traceback

from controllers.image.reference import Image
from controllers.registry.dockerconfig import JSON_KEY, JSON_TYPE, LEGACY_KEY, LEGACY_TYPE, PullSecret, read_keyring
from controllers.registry.errors import BadCredentialSecret
from hack.fuzz._spoil import spoil, spoil_json
from hack.fuzz._tally import Tally, run_target

MAX_SECONDS = 5.0
PASSWORD = "wonder-land"
LOGIN = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
KEYS = (
    *("ghcr.io", "https://index.docker.io/v1/", "*.example.com:5000", "[a-z].example", "[::1]:5000", "[", "**", "a\\"),
    *("x" * 300, "*" * 60, "[a-\U0010ffff]" * 40, "", "http://", "a:b:c", "é.example"),
)
IMAGES = (Image("ghcr.io", "a/b"), Image("index.docker.io", "library/x"), Image("a.example.com:5000", "app"))


def make(rng: random.Random) -> PullSecret:
    """Return a spoilt pull secret of either form."""
    entry = {"auth": LOGIN, "username": "alice", "password": PASSWORD, "identitytoken": "x", "registrytoken": "x"}
    auths = {}
    for key in rng.sample(KEYS, 3):
        names = rng.sample(list(entry), rng.randint(0, 4))
        auths[key] = {name: entry[name] for name in names}
        if rng.random() < 0.3:
            login = spoil(rng, f"alice:{PASSWORD}".encode())
            auths[key]["auth"] = base64.b64encode(login).decode()
    if rng.random() < 0.5:
        return PullSecret(JSON_TYPE, {JSON_KEY: spoil_json(rng, {"auths": auths})}, "ns/pull")
    return PullSecret(LEGACY_TYPE, {LEGACY_KEY: spoil_json(rng, auths)}, "ns/pull")


def run(seconds: float, seed: int, *, cases: int | None = None) -> int:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    tally, end = Tally("dockerconfig", seed), time.monotonic() + seconds
    while time.monotonic() < end and (cases is None or tally.tried < cases):
        secret = make(rng)
        began, fault = time.monotonic(), ""
        try:
            with tally.case():
                keyring = read_keyring([secret])
                for image in IMAGES:
                    keyring.find(image)
        except BadCredentialSecret as error:
            tally.failed += 1
            fault = f"shows what is in it: {error}" if PASSWORD in str(error) or LOGIN in str(error) else ""
        except Exception:
            fault = traceback.format_exc()
        if (took := time.monotonic() - began) > MAX_SECONDS:
            fault = f"took {took:.1f} s"
        if fault:
            print(f"seed {seed}, secret {tally.tried}: {fault}\n{secret.data!r}")
            return 1
    tally.report("a refusal")
    return 0


def main(arguments: list[str]) -> int:
    return run_target("dockerconfig", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
