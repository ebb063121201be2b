"""`controllers.net.key_bounds`: keys that take hours to load are refused with what to do, and nobody else waits."""

import base64

from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.fleet import Fleet
from e2e.objects import automation, image_repository
from testing import costly_keys
from testing.address import HOST
from testing.certificates import create_authority

PAIR = create_authority("client")
SOON = 8
"""Seconds that the victim's commit may take while the attack goes on."""


def secret(space: Space, name: str, **data: bytes) -> None:
    space.apply(
        "Secret", name, data={key.replace("__", "."): base64.b64encode(value).decode() for key, value in data.items()}
    )


def test_costly_keys_of_one_namespace_delay_nobody_else(attack: Attack, fleet: Fleet, attacker: Space) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    with attack.watch(bound=SOON) as watch:
        messages = use_costly_keys(attacker)
        with watch.victim():
            fleet.push_tag("1.0.2")
            fleet.wait_commits(3)
        for (kind, name), (reason, message) in messages.items():
            attacker.wait_not_ready(kind, name, reason=reason, message=message)


def use_costly_keys(space: Space) -> dict[tuple[str, str], tuple[str, str]]:
    """Create objects whose keys cost too much; return the reason and message that each is to get."""
    expected = {}
    tls_keys = {
        "pbkdf2": (costly_keys.pbkdf2_key(), "'tls.key' is encrypted, and there is no field for a passphrase"),
        "rsa": (costly_keys.rsa_key(), "'tls.key' is an RSA key of 16384 bits; use at most 8192"),
        "curve": (costly_keys.explicit_curve_key(), "'tls.key' is an ECDSA key with explicit curve parameters"),
    }
    for name, (key, message) in tls_keys.items():
        secret(space, f"tls-{name}", tls__crt=PAIR.certificate, tls__key=key)
        image_repository(space, name, f"{HOST}:9/a/b", interval="1s", certSecretRef={"name": f"tls-{name}"})
        expected["ImageRepository", name] = ("AuthenticationFailed", message)
    endless = {
        "certificate": {"tls__crt": costly_keys.endless_pem(), "tls__key": PAIR.key},
        "key": {"tls__crt": PAIR.certificate, "tls__key": costly_keys.endless_pem()},
        "authority": {"ca__crt": costly_keys.endless_pem(320_000)},
    }
    for name, data in endless.items():
        secret(space, f"tls-endless-{name}", **data)
        image_repository(
            space, f"endless-{name}", f"{HOST}:9/a/b", interval="1s", certSecretRef={"name": f"tls-endless-{name}"}
        )
        expected["ImageRepository", f"endless-{name}"] = ("AuthenticationFailed", "failed to parse")
    identities = {
        "ssh-pbkdf2": (costly_keys.pbkdf2_key(), r"hashed in 2147483647 rounds \(PBKDF2\)"),
        "ssh-bcrypt": (costly_keys.openssh_key(), r"hashed in 4294967295 rounds \(bcrypt\)"),
        "ssh-scrypt": (costly_keys.scrypt_key(), r"takes 16384 MiB in 1 passes \(scrypt\)"),
        "ssh-rsa": (costly_keys.rsa_key(), "an RSA key of 16384 bits"),
        "ssh-endless": (costly_keys.endless_pem(32_000), "malformed private key"),
    }
    for name, (key, message) in identities.items():
        secret(space, name, identity=key, known_hosts=b"h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", password=b"x")
        spec = {"url": f"ssh://git@{HOST}:9/x", "interval": "1h", "secretRef": {"name": name}}
        space.apply("GitRepository", name, {**spec, "ref": {"branch": "main"}})
        automation(space, name, source=name)
        expected["ImageUpdateAutomation", name] = ("GitOperationFailed", message)
    return expected
