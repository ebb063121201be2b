"""`create secret tls`."""

from typing import Any, Final

from cli.creation.secrets.command import Content, secret_command
from cli.creation.secrets.files import read_text
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session

_FLAGS: Final = (
    text("--tls-crt-file", help="file with the client certificate, PEM"),
    text("--tls-key-file", help="file with the private key of the client certificate, PEM"),
    text("--ca-crt-file", help="file with the CA certificate of the server, PEM"),
)

_EXAMPLES: Final = """
# the certificate of a registry's own authority
tagline create secret tls registry-tls --ca-crt-file=ca.crt
"""


def _make(_: Session, flags: Any) -> Content:
    data = {}
    if flags.ca_crt_file:
        data["ca.crt"] = read_text(flags.ca_crt_file, "unable to read TLS CA file")
    if flags.tls_crt_file:
        data["tls.crt"] = read_text(flags.tls_crt_file, "failed to read cert file")
    if flags.tls_key_file:
        data["tls.key"] = read_text(flags.tls_key_file, "failed to read key file")
    data = {name: content for name, content in data.items() if content}
    if "tls.crt" in data and "tls.key" not in data:
        raise Failed("found certificate but missing private key")
    if "tls.key" in data and "tls.crt" not in data:
        raise Failed("found private key but missing certificate")
    if not data:
        raise Failed("no CA certificate or client certificate pair found")
    if "tls.crt" in data:
        _check_pair(data["tls.crt"], data["tls.key"])
    return Content(data, type="kubernetes.io/tls" if "tls.crt" in data else "Opaque", ends_with_blank_line=False)


def _check_pair(certificate: str, key: str) -> None:
    """Raise Failed unless the key is that of the certificate. The words are Go's."""
    from cli.creation.secrets.keypair import BadKeyPair, check_key_pair  # noqa: PLC0415

    try:
        check_key_pair(certificate, key)
    except BadKeyPair as error:
        raise Failed(f"invalid TLS certificate and key pair: {error}") from None


COMMAND: Final = secret_command(
    "tls",
    flags=_FLAGS,
    make=_make,
    summary="create or change a Secret with certificates",
    description="Makes a Secret with a CA certificate, a client certificate and its key, or both. With --export it is "
    "printed instead.",
    examples=_EXAMPLES,
)
