"""Tables and lines that commands print. Values in, text out."""

from collections.abc import Iterator, Sequence

from controllers.policy import Choice, Refusal, Tally

MAX_EXAMPLES = 3
"""How many tags are shown for each reason."""
HEADING = "WHY NOT CHOSEN"


def format_choice(choice: Choice) -> str:
    """Return the chosen tag, and the value that it was ranked by where that is another."""
    return choice.tag if choice.value == choice.tag else f"{choice.tag} (ranked by {choice.value})"


def format_tally(tally: Tally) -> Iterator[str]:
    """Yield lines: how many tags lost for each reason, the most frequent first, and some of them."""
    if not tally.counts:
        return
    width = max(len(text) for text in (HEADING, *(reason.sentence for reason in tally.counts)))
    yield f"\n{'TAGS':>6}  {HEADING:{width}}  FOR EXAMPLE\n"
    for reason, count in sorted(tally.counts.items(), key=lambda item: -item[1]):
        examples = [refusal.tag for refusal in tally.refused if refusal.reason is reason][:MAX_EXAMPLES]
        yield f"{count:>6}  {reason.sentence:{width}}  {', '.join(examples)}".rstrip() + "\n"


def format_candidates(refused: Sequence[Refusal]) -> Iterator[str]:
    """Yield lines: the leading tags that were not chosen, best first, and why each lost."""
    if not refused:
        return
    rows = [(refusal.tag, refusal.value, refusal.reason.sentence) for refusal in refused]
    rows.insert(0, ("LEADING TAGS", "RANKED BY", HEADING))
    tag_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    yield "\n"
    for tag, value, reason in rows:
        yield f"{tag:{tag_width}}  {value:{value_width}}  {reason}\n"
