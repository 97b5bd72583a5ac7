"""Answers and notices in Slack's Block Kit, inside its limits."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.reply import Reply, Status, Table

Block = dict[str, Any]

MOST_SECTION = 3000
"""Characters of a section's text."""
MOST_MARKDOWN = 12_000
"""Characters of the markdown blocks of a message, together."""
MOST_BLOCKS = 50
"""Blocks of a message."""
MOST_HOME = 100
"""Blocks of a home page."""
MOST_MESSAGE = 12_000
"""Characters of a message's blocks as JSON. Slack refuses somewhat longer ones (``msg_blocks_too_long``, from
about 13,200 on), which its pages do not tell."""
MOST_LABEL = 75
"""Characters on a button."""
MOST_VALUE = 2000
"""Characters that a button carries."""
MOST_BUTTONS = 25
"""Buttons in a row of them."""
MOST_FALLBACK = 3000
"""Characters of the text that stands for a message where blocks are not shown."""
MOST_CELL = 40
"""Characters of a cell; what is longer is cut, as a screen is only so wide."""

SAY, DO, REJECT = "say", "do", "reject"
"""What a button is for: something to say, a command, or the form with a reason."""
MARK = "gtm_assistant"
"""The type of the metadata by which we know a message of ours."""


@dataclass(frozen=True)
class Said:
    """A button that says something in somebody's conversation."""

    conversation: str
    user: str
    """Whose words they would be: a Slack user."""
    words: str
    answers: str | None = None
    """The turn they answer, where they mean nothing by themselves."""
    privately: bool = False
    """Whether the answer is for that user alone."""

    @property
    def value(self) -> str:
        """As the button carries it."""
        known = {"c": self.conversation, "u": self.user, "w": self.words, "p": self.privately}
        return json.dumps(known | ({"a": self.answers} if self.answers else {}), ensure_ascii=False)


def said(value: str) -> Said:
    """What a button's value says. Raises `ValueError` or `KeyError` for one that is none of ours."""
    known = json.loads(value)
    return Said(known["c"], known["u"], known["w"], known.get("a"), bool(known.get("p")))


def escaped(text: str) -> str:
    """Text that is shown as it is: no mention, no link, no channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pieces(text: str, most: int) -> Iterator[str]:
    """The text in parts of at most so many characters, cut at lines, else at spaces, else anywhere."""
    rest = text
    while len(rest) > most:
        at = max(rest.rfind("\n", 1, most), 0) or max(rest.rfind(" ", 1, most), 0)
        if not at:
            # Not in the middle of &amp; and its like.
            entity = rest.rfind("&", most - 5, most)
            at = entity if entity > 0 and ";" not in rest[entity:most] else most
        yield rest[:at].rstrip()
        rest = rest[at + 1 :] if rest[at] in "\n " else rest[at:]
    if rest.strip():
        yield rest


def text(told: str) -> list[Block]:
    """Sections with a text that holds no formatting of its own."""
    return [_section(piece) for piece in pieces(escaped(told), MOST_SECTION)]


def formatted(mrkdwn: str) -> Block:
    """A section in Slack's own format; whatever people named must be escaped."""
    return _section(mrkdwn[:MOST_SECTION])


def _section(mrkdwn: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn, "verbatim": True}}


def note(mrkdwn: str) -> Block:
    """A small line; whatever people named must be escaped."""
    shown = {"type": "mrkdwn", "text": mrkdwn[:MOST_SECTION], "verbatim": True}
    return {"type": "context", "elements": [shown]}


def header(told: str) -> Block:
    """A headline."""
    return {"type": "header", "text": {"type": "plain_text", "text": told[:150], "emoji": False}}


DIVIDER: Block = {"type": "divider"}


def markdown(told: str) -> list[Block]:
    """Blocks of standard Markdown, each short enough for a message of its own."""
    # JSON makes line breaks and quotes longer; a message is bound by that, too.
    most = MOST_MARKDOWN - 4000
    # A name may hold what Slack would take for a mention of everybody.
    harmless = told.replace("<", "&lt;")
    return [{"type": "markdown", "text": piece} for piece in pieces(harmless, most)]


def button(label: str, kind: str, number: int, value: str, style: str | None = None) -> Block:
    """A button; ``style`` primary or danger."""
    made = {
        "type": "button",
        "text": {"type": "plain_text", "text": _cut(label, MOST_LABEL), "emoji": False},
        "action_id": f"{kind}:{number}",
        "value": value,
    }
    return made | ({"style": style} if style else {})


def deed(label: str, number: int, command: str, slots: Mapping[str, Any], style: str | None = None) -> Block:
    """A button that carries out a command; whoever presses it must be allowed to."""
    kind = f"{DO}:{command}"
    return button(label, kind, number, json.dumps({"command": command, "slots": dict(slots)}), style)


def row(buttons: Sequence[Block]) -> list[Block]:
    """Buttons side by side; nothing where there are none."""
    return [{"type": "actions", "elements": list(buttons[:MOST_BUTTONS])}] if buttons else []


def table(shown: Table) -> list[Block]:
    """A table as people read it in any client: in columns of one width."""
    rows = [[column.label for column in shown.columns], *shown.rows]
    cells = [[_cut(" ".join(cell.split()), MOST_CELL) for cell in one] for one in rows]
    widths = [max(len(one[at]) for one in cells if at < len(one)) for at in range(len(shown.columns))]
    lines = []
    for one in cells:
        padded = [
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(one, widths, shown.columns, strict=False)
        ]
        lines.append(escaped("  ".join(padded).rstrip().replace("```", "'''")))
    lines.insert(1, "  ".join("─" * width for width in widths))
    title = [_section(f"*{escaped(shown.title)}*")] if shown.title else []
    fenced = pieces("\n".join(lines), MOST_SECTION - 10)
    return [*title, *(_section(f"```\n{piece}\n```") for piece in fenced)]


def answer(reply: Reply, conversation: str, user: str, *, privately: bool = False) -> list[Block]:
    """An answer with what may be said next as buttons, of which only ``user`` may use those."""
    told = reply.reply
    shown = [block for step in _steps(reply) for block in step]
    next_words: list[tuple[str, str, bool]] = []
    for one in told.buttons:
        depends = reply.status in (Status.CONFIRM, Status.QUESTION) or one.say in _ABOUT_THE_ANSWER
        next_words.append((one.label, one.say, depends))
    next_words += [(one, one, True) for one in told.choices]
    buttons = []
    for number, (label, words, depends) in enumerate(next_words[:MOST_BUTTONS]):
        answers = reply.turn_id if depends else None
        value = Said(conversation, user, words, answers, privately).value
        style = _STYLES.get(words) if reply.status is Status.CONFIRM else None
        if label.strip() and len(value) <= MOST_VALUE:
            buttons.append(button(label, SAY, number, value, style))
    return [*shown, *row(buttons)]


_ABOUT_THE_ANSWER = ("undo that", "why?", "status", "cancel", "yes", "no")
"""Words of buttons that mean nothing by themselves."""
_STYLES = {"yes": "primary", "no": "danger"}


def _steps(reply: Reply) -> Iterator[list[Block]]:
    if not reply.steps:
        yield [*text(reply.reply.text), *([] if reply.reply.table is None else table(reply.reply.table))]
    for step in reply.steps:
        yield from _steps(step)


def answered(blocks: Sequence[Block], mrkdwn: str) -> list[Block]:
    """A message whose buttons were used: they are gone, and a line says by whom."""
    kept = [block for block in blocks if block.get("type") != "actions"]
    return [*kept[: MOST_BLOCKS - 1], note(mrkdwn)]


def messages(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks in as few messages as Slack takes, in order."""
    made: list[list[Block]] = [[]]
    size = 0
    for block in blocks:
        more = len(json.dumps(block, ensure_ascii=False)) + 2
        if made[-1] and (len(made[-1]) >= MOST_BLOCKS or size + more > MOST_MESSAGE):
            made.append([])
            size = 0
        made[-1].append(block)
        size += more
    return [one for one in made if one]


def fallback(told: str) -> str:
    """The text of a message for notifications and screen readers."""
    return _cut(escaped(told), MOST_FALLBACK)


def _cut(told: str, most: int) -> str:
    return told if len(told) <= most else f"{told[: most - 1]}…"
