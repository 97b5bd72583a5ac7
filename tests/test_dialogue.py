"""Conversations: what is understood, asked back, remembered, forgotten and refused."""

import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import select

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from assistant.turn import Turn
from intents.command import Role
from storage import people
from storage.audit import audit
from storage.conversations import conversations
from storage.database import Database
from tests.conftest import NOW, Speaker, assistant_on, copied


def test_the_words_of_the_first_voice_commands(chairman: Speaker) -> None:
    reply = chairman.say("show gtm performance for Acme")
    assert (reply.command, reply.status) == ("show_performance", Status.DONE)
    assert reply.slots["venture"] == "Acme"
    reply = chairman.say("what are the top performing channels this month")
    assert (reply.command, reply.status) == ("top_channels", Status.DONE)
    assert reply.slots["period"]["start"] == "2026-03-01"


def test_a_missing_slot_is_asked_for_and_the_answer_fills_it(chairman: Speaker) -> None:
    asked = chairman.say("how is the campaign doing last month")
    assert asked.status is Status.QUESTION
    assert "Spring Launch" in asked.reply.choices or len(asked.reply.choices) == 20
    answered = chairman.say("Spring Launch")
    assert (answered.command, answered.status) == ("show_campaign", Status.DONE)
    assert answered.slots["campaign"] == "Spring Launch"
    assert answered.slots["period"]["start"] == "2026-02-01"


def test_an_ambiguous_name_is_asked_back_with_its_choices(chairman: Speaker) -> None:
    names = chairman.assistant.bus.names
    with chairman.assistant.database.read() as connection:
        labels = names.current(connection).labels("campaign")
    twins = [label for label in labels if label.endswith(")")]
    assert len(twins) >= 2
    plain = twins[0].split(" (")[0]
    asked = chairman.say(f"show campaign {plain}")
    assert asked.status is Status.QUESTION
    assert set(asked.reply.choices) == {label for label in twins if label.startswith(f"{plain} (")}
    chosen = asked.reply.choices[-1]
    assert chairman.say(chosen).slots["campaign"] == chosen


def test_a_request_in_between_does_not_lose_the_question(chairman: Speaker) -> None:
    assert chairman.say("show the campaign").status is Status.QUESTION
    between = chairman.say("show gtm performance for Northwind")
    assert between.command == "show_performance"
    assert between.reply.text.endswith("Back to showing the campaign: Which campaign?")
    assert chairman.say("yes").status is Status.QUESTION
    assert chairman.say("Spring Launch").slots["campaign"] == "Spring Launch"


def test_a_question_can_be_cancelled_and_expires(chairman: Speaker, tmp_path: Path) -> None:
    del tmp_path
    assert chairman.say("show the campaign").status is Status.QUESTION
    assert chairman.say("never mind").reply.text.startswith("Dropped")
    assert chairman.say("cancel").reply.text == "There is nothing to cancel."


def test_context_carries_over_and_is_forgotten(small_portfolio: Path, tmp_path: Path, models: Path) -> None:
    moment = [NOW]
    assistant = assistant_on(
        copied(small_portfolio, tmp_path / "gtm.db"), tmp_path, models, lambda: moment[0]
    )
    talk = Speaker(assistant)
    talk.say("show gtm performance for Acme this month")
    then = talk.say("and last month?")
    assert (then.command, then.slots["venture"]) == ("show_performance", "Acme")
    assert then.slots["period"]["start"] == "2026-02-01"
    other = talk.say("what about Northwind")
    assert (other.slots["venture"], other.slots["period"]["start"]) == ("Northwind", "2026-02-01")
    moment[0] += timedelta(hours=2)
    assert talk.say("and in January?").status is not Status.DONE
    assistant.close()


def test_conversations_do_not_mix(assistant: Assistant) -> None:
    one, two = Speaker(assistant), Speaker(assistant)
    one.say("show gtm performance for Acme this month")
    two.say("show gtm performance for Northwind last month")
    assert one.say("and in January?").slots["venture"] == "Acme"
    assert two.say("and in January?").slots["venture"] == "Northwind"


def test_somebody_elses_conversation_is_closed(assistant: Assistant) -> None:
    one = Speaker(assistant)
    one.say("show gtm performance for Acme")
    other = Speaker(assistant, Role.VIEWER, one.conversation)
    refused = other.say("and last month?")
    assert refused.error is not None
    assert refused.error.code == "foreign_conversation"


def test_repeat_gives_the_answer_again_without_computing(chairman: Speaker) -> None:
    first = chairman.say("show gtm performance for Acme last month")
    again = chairman.say("repeat that")
    assert again.command == "repeat"
    assert again.reply == first.reply
    assert chairman.say("and in January?").slots["venture"] == "Acme"


def test_nothing_to_repeat(chairman: Speaker) -> None:
    reply = chairman.say("say that again")
    assert reply.error is not None
    assert reply.error.code == "nothing_to_repeat"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("book me a table for two tonight", "out_of_scope"),
        ("what's the weather like in Boston", "out_of_scope"),
        ("   ", "empty"),
        ("show gtm performance for Zorblax", "unknown_venture"),
        ("show gtm performance for Acme on February 30", "impossible_date"),
        ("how is Spring Launch at Northwind doing", "contradictory_slots"),
    ],
)
def test_what_cannot_be_done_says_why_and_never_guesses(chairman: Speaker, words: str, code: str) -> None:
    reply = chairman.say(words)
    assert reply.error is not None, reply.reply.text
    assert reply.error.code == code
    assert reply.status in (Status.REFUSED, Status.UNKNOWN)
    assert reply.result is None


def test_out_of_scope_offers_the_nearest_commands(chairman: Speaker) -> None:
    reply = chairman.say("what's the weather like in Boston")
    assert len(reply.reply.choices) == 3


def test_a_typing_mistake_is_forgiven(chairman: Speaker) -> None:
    assert chairman.say("how is Sprng Lanch doing").slots["campaign"] == "Spring Launch"


def test_words_mean_days_where_the_asker_is(assistant: Assistant) -> None:
    with assistant.database.write() as connection:
        sam = people.add_person(connection, "sam", Role.VIEWER, "Pacific/Kiritimati", NOW)
    reply = assistant.dialogue.turn(Turn(sam, "test", "show gtm performance for Acme yesterday"))
    # 18:00 UTC on the 15th is the 16th there.
    assert reply.slots["period"]["start"] == "2026-03-15"


def test_fiscal_periods_follow_the_venture(assistant: Assistant) -> None:
    with assistant.database.read() as connection:
        from storage.ventures import all_ventures

        other = next(one for one in all_ventures(connection) if one.fiscal_year_start != 1)
    reply = Speaker(assistant).say(f"revenue of {other.name} this fiscal year")
    start = datetime.fromisoformat(reply.slots["period"]["start"])
    assert start.month == other.fiscal_year_start


def entries(database: Database) -> list[dict[str, object]]:
    with database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(select(audit).order_by(audit.c.id))]


def test_every_utterance_leaves_an_entry(chairman: Speaker) -> None:
    words = ["show gtm performance for Acme", "show the campaign", "cancel", "tell me a joke", "", "repeat"]
    replies = [chairman.say(one) for one in words]
    kept = entries(chairman.assistant.database)
    assert [entry["text"] for entry in kept] == words
    assert [entry["id"] for entry in kept] == [reply.audit_id for reply in replies]
    assert [entry["status"] for entry in kept] == [reply.status for reply in replies]
    first = kept[0]
    assert (first["person"], first["role"], first["channel"]) == ("chairman", "chairman", "test")
    assert first["command"] == "show_performance"
    assert isinstance(first["reading"], dict)
    assert first["reading"]["reader"] == "embedded"
    assert isinstance(first["reply"], dict)
    assert Reply.model_validate(first["reply"]).result is not None


def test_one_key_is_one_turn(assistant: Assistant) -> None:
    talk = Speaker(assistant)
    first = talk.say("show gtm performance for Acme", key="k1")
    again = talk.say("show gtm performance for Acme", key="k1")
    assert again.turn_id == first.turn_id
    assert again.audit_id == first.audit_id
    assert len(entries(assistant.database)) == 1
    assert talk.say("show gtm performance for Acme", key="k2").turn_id != first.turn_id
    assert Speaker(assistant, Role.VIEWER).say("status", key="k1").command == "show_status"


def test_one_key_at_the_same_moment_is_one_turn(assistant: Assistant) -> None:
    replies: list[Reply] = []
    start = threading.Barrier(8)

    def speak() -> None:
        start.wait()
        replies.append(Speaker(assistant).say("show gtm performance for Acme", key="same"))

    threads = [threading.Thread(target=speak) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({reply.turn_id for reply in replies}) == 1
    assert len(entries(assistant.database)) == 1


def test_turns_of_one_conversation_wait_for_each_other(assistant: Assistant) -> None:
    shared = uuid4().hex
    threads = [
        threading.Thread(target=Speaker(assistant, conversation=shared).say, args=("status",))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with assistant.database.read() as connection:
        assert connection.scalar(select(conversations.c.turns).where(conversations.c.id == shared)) == 12
    assert len(entries(assistant.database)) == 12


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        [
            "'; drop table audit; --",
            "{{7*7}} ${jndi:ldap://x} <script>alert(1)</script>",
            "\x00\x01\x02",
            "😀" * 50,
            "покажи эффективность для Acme",
            "show " * 3000,
            "\u202eemca rof ecnamrofrep wohs",
            "show gtm performance for " + "A" * 5000,
        ]
    ),
)


@given(HOSTILE)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_raises_and_each_leaves_its_entry(assistant: Assistant, words: str) -> None:
    reply = Speaker(assistant).say(words)
    assert reply.audit_id is not None
    assert reply.error is None or reply.error.code != "internal_error"


def test_a_megabyte_of_text_is_answered(chairman: Speaker) -> None:
    start = time.thread_time()
    reply = chairman.say("show gtm performance for Acme " * 35_000)
    assert reply.audit_id is not None
    # Of processor time: what else the machine does is not its fault.
    assert time.thread_time() - start < 3


def test_a_database_that_is_gone_is_told_and_the_entry_kept(assistant: Assistant, tmp_path: Path) -> None:
    talk = Speaker(assistant)
    talk.say("status")
    with assistant.database.read() as connection:
        person = people.person_named(connection, "chairman")
    assert person is not None
    database = tmp_path / "gtm.db"
    assistant.database.close()
    hidden = database.rename(tmp_path / "elsewhere.db")
    for beside in tmp_path.glob("gtm.db-*"):
        beside.unlink()
    database.mkdir()
    reply = assistant.dialogue.turn(Turn(person, "test", "show gtm performance for Acme"))
    assert reply.status is Status.FAILED
    assert reply.error is not None
    assert reply.error.code == "database_unavailable"
    assert (tmp_path / "audit-journal.jsonl").exists()
    database.rmdir()
    hidden.rename(database)
    assert talk.say("status").status is Status.DONE
    assert assistant.bus.journal.replay(assistant.database) == 1
    texts = [str(entry["text"]) for entry in entries(assistant.database)]
    assert sorted(texts) == sorted(["status", "show gtm performance for Acme", "status"])
    assert assistant.bus.journal.replay(assistant.database) == 0


def test_it_stands_for_what_was_shown_last(chairman: Speaker) -> None:
    chairman.say("how is spring launch doing")
    assert chairman.say("pause it").reply.text == "Paused Spring Launch."
    assert chairman.say("undo that").status is Status.CONFIRM
    assert chairman.say("yes").status is Status.DONE
    chairman.say("show gtm performance for Acme")
    assert chairman.say("how is its funnel").slots["venture"] == "Acme"
    this_month = chairman.say("what are the top channels this month")
    assert "venture" not in this_month.slots


def test_her_stands_for_the_influencer_that_was_shown(chairman: Speaker) -> None:
    chairman.say("find influencers for fitness")
    shown = chairman.say("the first one")
    blocked = chairman.say("block her")
    assert blocked.status is Status.DONE
    assert shown.slots["influencer"] in blocked.reply.text


def test_the_second_channel_of_a_ranking_can_be_asked_for(chairman: Speaker) -> None:
    ranked = chairman.say("top channels for Acme").result
    assert isinstance(ranked, BaseModel)
    second = chairman.say("the second one")
    assert second.command == "show_metric"
    assert second.slots["channel"] == ranked.model_dump()["channels"][1]["name"]
    assert second.slots["venture"] == "Acme"


@pytest.mark.parametrize(
    "text", ["find influencers for food on instagram", "food influencers with over 1% engagement"]
)
def test_a_category_may_be_a_word_of_every_day(chairman: Speaker, text: str) -> None:
    assert chairman.say(text).slots["category"] == "food"
