"""What a remote sent, as it may be shown."""

from controllers.git.errors import sanitize_text


def test_foreign_text_is_one_short_printable_line() -> None:
    assert sanitize_text(b"a\x1b[31m\n\tb\xff") == "a [31m b�"
    assert len(sanitize_text("x" * 999)) == 256
