"""Addresses of people: set on the settings page, confirmed by whoever reads their mail, and used then."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from assistant.addressing import valid
from assistant.briefing.delivering import addresses
from assistant.reply import Problem
from intents.command import Role
from storage import mail_addresses, people
from tests.conftest import NOW, Server, assistant_on, serving
from tests.loopback_mail import Post, by_mail
from tests.slack_world import wait_for
from tests.test_entering import Clock, noted, send, signed_in


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock, tmp_path: Path, models: Path, post: Post) -> Iterator[Server]:
    """A service that sends mail, without data."""
    url = f"sqlite:///{tmp_path / 'gtm.db'}"
    made = assistant_on(url, tmp_path, models, clock, notify=by_mail(post))
    with serving(made) as running:
        yield running
    made.close()


def goes_to(world: Server, role: Role) -> list[str]:
    """Where somebody's briefings are mailed."""
    with world.assistant.database.read() as connection:
        person = people.person_named(connection, role.value)
        assert person is not None
        return addresses(connection, world.assistant.settings, person.id, person.name)


def mailed_link(post: Post, count: int) -> tuple[str, str]:
    """To whom the latest mail went, and the path of the link in it."""
    wait_for(lambda: len(post.mails) == count)
    to, mail = post.mails[-1]
    found = re.search(r"(/mail/[\w-]+)", mail.get_content().replace("=\n", ""))
    assert found
    return to[0], found[1]


def test_an_address_counts_once_it_is_confirmed(world: Server, post: Post, clock: Clock) -> None:
    with signed_in(world, Role.LEAD) as lead, httpx2.Client(base_url=world.url) as reader:
        assert "Your e-mail" in lead.get("/settings").text
        assert "Table of people" not in lead.get("/settings").text
        assert send(lead, "/settings/mail", address="lea@example.com").status_code == 303
        to, link = mailed_link(post, 1)
        assert to == "lea@example.com"
        assert goes_to(world, Role.LEAD) == ["ann@example.org"]
        assert "lea@example.com is to be confirmed" in lead.get("/settings").text
        # Looking at the link confirms nothing, and needs no session.
        for _ in range(2):
            assert "Send briefings for lead to lea@example.com?" in reader.get(link).text
        assert goes_to(world, Role.LEAD) == ["ann@example.org"]
        assert "Thank you" in reader.post(link).text
        assert goes_to(world, Role.LEAD) == ["lea@example.com"]
        assert "come to lea@example.com" in lead.get("/settings").text
        assert (reader.get(link).status_code, reader.post(link).status_code) == (410, 410)
        # Another one waits while the first goes on; what is too old confirms nothing.
        clock.now += timedelta(hours=1)
        assert send(lead, "/settings/mail", address="new@example.com").status_code == 303
        _, link = mailed_link(post, 2)
        assert goes_to(world, Role.LEAD) == ["lea@example.com"]
        clock.now += timedelta(hours=25)
        assert reader.post(link).status_code == 410
    with signed_in(world, Role.LEAD) as lead:
        assert send(lead, "/settings/mail", address="").status_code == 303
        assert goes_to(world, Role.LEAD) == ["ann@example.org"]
    whats = [what for what, person, _ in noted(world.assistant) if person == "lead"]
    assert [one for one in whats if one.startswith("address")] == [
        "address taken away",
        "address asked for",
        "address confirmed",
        "address asked for",
    ]


def test_the_chairman_sets_anybody_s_and_nobody_else_another_s(world: Server, post: Post) -> None:
    with signed_in(world) as chairman, signed_in(world, Role.LEAD) as lead:
        refused = send(lead, "/settings/mail", person="operator", address="o@example.com")
        assert refused.status_code == 403
        assert send(chairman, "/settings/mail", person="nobody", address="o@example.com").status_code == 422
        assert send(chairman, "/settings/mail", person="operator", address="o@example.com").status_code == 303
        to, link = mailed_link(post, 1)
        assert to == "o@example.com"
        assert "chairman asked that briefings for operator" in post.mails[0][1].get_content()
        assert "o@example.com to be confirmed" in chairman.get("/settings").text
        # Nobody is flooded with mails.
        again = send(chairman, "/settings/mail", person="operator", address="p@example.com")
        assert again.status_code == 422
        assert httpx2.post(world.url + link).status_code == 200
        assert goes_to(world, Role.OPERATOR) == ["o@example.com"]
        assert goes_to(world, Role.CHAIRMAN) == ["ann@example.org"]
        assert lead.post("/settings/mail", data={"_csrf": "made up", "address": "a@b.cd"}).status_code == 403
        for wrong in ("anna", "a@b", "a b@example.com", "a@example.com\r\nBcc: all@example.com"):
            assert send(chairman, "/settings/mail", address=wrong).status_code == 422
    assert len(post.mails) == 1


def test_of_the_secret_a_digest_is_kept(world: Server) -> None:
    with world.assistant.database.write() as connection:
        person = people.person_named(connection, "lead")
        assert person is not None
        secret = mail_addresses.want(connection, person.id, "lea@example.com", NOW)
        row = connection.execute(mail_addresses.mail_addresses.select()).one()
    assert secret not in map(str, row)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "@",
        "a@",
        "@example.com",
        "a@localhost",
        "a,b@example.com",
        "Anna <a@example.com>",
        "a@example.com, b@example.com",
        "a@exämple.com",
        f"{'a' * 250}@example.com",
        "a@.com.",
    ],
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(Problem):
        valid(wrong)


def test_what_is_one_is_taken_as_it_is() -> None:
    for right in ("anna@example.com", "a.b+gtm@mail.example.co.uk", "o'neil@example.org"):
        assert valid(f" {right} ") == right
