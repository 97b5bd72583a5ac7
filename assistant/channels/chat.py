"""The interactive session of the terminal."""

import sys
from collections.abc import Iterator
from uuid import uuid4

from rich.console import Console

from assistant.bootstrap import Assistant
from assistant.channels import terminal
from assistant.channels.following import followed
from assistant.turn import Turn
from storage.people import Person

LEAVE = {"exit", "quit", "bye"}


def converse(assistant: Assistant, person: Person, console: Console) -> None:
    """Read lines until the person leaves; lines of a pipe are answered one by one."""
    conversation = str(uuid4())
    for line in _typed(assistant) if sys.stdin.isatty() else sys.stdin:
        text = line.strip()
        if text.casefold() in LEAVE:
            return
        if text:
            turn = Turn(person=person, channel="terminal", text=text, conversation_id=conversation)
            reply = assistant.dialogue.turn(turn)
            terminal.show(reply, console)
            if reply.job_id is not None:
                terminal.show(followed(assistant, reply, console), console)


def _typed(assistant: Assistant) -> Iterator[str]:
    # Only an interactive session needs it, and it takes a third of a second to load.
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import FuzzyCompleter, WordCompleter
    from prompt_toolkit.history import FileHistory

    assistant.settings.data_dir.mkdir(parents=True, exist_ok=True)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(assistant.settings.data_dir / "history")),
        completer=FuzzyCompleter(WordCompleter(_phrases(assistant), sentence=True)),
        complete_while_typing=False,
    )
    while True:
        try:
            yield session.prompt("gtm> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _phrases(assistant: Assistant) -> list[str]:
    """What Tab offers: every command's examples and the live names."""
    examples = [phrase for command in assistant.bus.catalogue.values() for phrase in command.examples]
    with assistant.database.read() as connection:
        names = assistant.bus.names.current(connection)
    return [*examples, *names.labels("venture"), *names.labels("campaign")]
