"""What is entered at each sender of webhooks, as `tagline receiver setup` prints it."""

from collections.abc import Iterator

from cli.hooks.instructions import as_lines, hook_url
from controllers.webhooks.senders.table import SENDERS

HOST = "hooks.example.com"


def sender_sections() -> Iterator[str]:
    """Yield a section for each sender."""
    url = hook_url(HOST, token=None, name="", namespace="")
    for number, sender in enumerate(SENDERS):
        yield f"{chr(10) if number else ''}### {sender.title}\n\n"
        yield "```text\n"
        yield from (f"{line}\n" for line in as_lines(sender, url))
        yield "```\n"
