"""The door under generated utterances: nothing raises, nothing moves without its yes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from assistant.bootstrap import Assistant
from assistant.reply import Status
from intents.command import Effect, Role
from intents.training import load
from tests.conftest import Speaker

DATA = Path(__file__).parent.parent / "intents" / "data"
SENTENCES = sorted({example.text for example in load(DATA) if example.intent != "affirm"})
NOISE = (
    "",
    " please",
    "!!!",
    " ; drop table campaigns; --",
    " {{7*7}}",
    " 😀",
    " -5",
    " 1e999",
    "\u202e",
    "\x00",
)

MONEY = "select id, planned, allocated from channel_lines order by id"
RUNNING = """
select id from campaigns where status = 'active'
union all select -id from channel_lines where status = 'active'
"""
UNMOVED = ("nothing would change.", "nothing is proposed.")


def state(assistant: Assistant) -> tuple[list[tuple[object, ...]], set[tuple[object, ...]]]:
    with assistant.database.read() as connection:
        money = [tuple(row) for row in connection.execute(text(MONEY))]
        running = {tuple(row) for row in connection.execute(text(RUNNING))}
    return money, running


@st.composite
def utterances(draw: st.DrawFn) -> str:
    said = draw(st.sampled_from(SENTENCES)) + draw(st.sampled_from(NOISE))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(said)))
        said = said[:at] + draw(st.text(max_size=3)) + said[at:]
    return draw(st.sampled_from((said, said.upper(), f"{said} and {draw(st.sampled_from(SENTENCES))}")))


OWN = ("schedule_briefing", "cancel_briefing")
"""What anybody may change, as it is about themselves alone."""


@pytest.mark.parametrize("role", [Role.CHAIRMAN, Role.VIEWER])
def test_generated_utterances_move_nothing_without_a_yes(assistant: Assistant, role: Role) -> None:
    money, running = state(assistant)
    kinds = {name: command.effect for name, command in assistant.bus.catalogue.items()}

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(utterances())
    def say(words: str) -> None:
        reply = Speaker(assistant, role).say(words)
        assert reply.audit_id is not None
        assert reply.error is None or reply.error.code != "internal_error", words
        if reply.command and kinds[reply.command] in (Effect.SPEND, Effect.PUBLISH):
            assert reply.status is not Status.DONE or reply.reply.text.endswith(
                ("nothing would change.", "proposed.")
            ), words
        if role is Role.VIEWER:
            assert (
                reply.command is None
                or reply.status is not Status.DONE
                or kinds[reply.command] is Effect.READ
                or reply.command in OWN
            )

    say()
    after_money, after_running = state(assistant)
    assert set(money) <= set(after_money)
    assert after_running <= running
