"""Conversations in Slack, and what they are called among all others."""

from dataclasses import dataclass

DIRECT, COMMAND = "direct", "command"


@dataclass(frozen=True)
class Talk:
    """A thread, a direct conversation, or the slash commands in a channel, of one user.

    In a thread each person has a conversation of their own: nobody answers what another one was asked.
    """

    team: str
    channel: str
    place: str
    """The time stamp that names a thread, or `DIRECT`, or `COMMAND`."""
    user: str

    @property
    def id(self) -> str:
        """Its name among all conversations."""
        return f"slack:{self.team}:{self.channel}:{self.place}:{self.user}"

    @property
    def thread(self) -> str | None:
        """The thread it is in, if any."""
        return None if self.place in (DIRECT, COMMAND) else self.place

    @property
    def is_private(self) -> bool:
        """Whether its answers are shown to its user alone, and kept nowhere."""
        return self.place == COMMAND

    @property
    def is_direct(self) -> bool:
        """Whether nobody else reads it."""
        return self.channel.startswith("D") or self.is_at_home

    @property
    def is_at_home(self) -> bool:
        """Whether it began on the app's home page, where there is no channel: then it goes by its user."""
        return self.channel == self.user


def talk_of(conversation: str) -> Talk | None:
    """The talk of a conversation's name; None where it is not in Slack."""
    parts = conversation.split(":")
    return Talk(*parts[1:]) if len(parts) == 5 and parts[0] == "slack" else None
