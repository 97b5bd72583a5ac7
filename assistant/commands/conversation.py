"""Talking about the talk: help, repeat, cancel."""

from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from assistant import delegating, wording
from assistant.asking import MOST_SHOWN
from assistant.handling import Context, handles
from assistant.memory import Pending
from assistant.reply import Action, Answer, Button, Column, Problem, Table, Telling
from intents.command import Catalogue, Command, slots_of
from intents.slots import TopicName
from storage.jobs import latest


class HelpEntry(BaseModel):
    """One command as help shows it."""

    command: str
    summary: str
    examples: tuple[str, ...]
    slots: dict[str, str]
    """Slot by name: what it is asked for with."""
    role: str
    effect: str
    suggested: bool = False


class HelpPage(BaseModel):
    """The commands help was asked about."""

    topic: str | None
    commands: list[HelpEntry]
    here: list[str] = []
    """What can be said at this point of the conversation."""


class Help(Command):
    """Tells what can be asked, or how to ask one thing."""

    examples = ("help", "what can you do", "help with campaigns")
    suggested = True

    topic: TopicName | None = Field(None, description="Help with what?")


@handles
def show_help(asked: Help, context: Context) -> Answer[HelpPage]:
    """List the commands of a topic, or all that the asker's role may use, after what can be said just now."""
    topic = None if asked.topic == "help" else asked.topic
    here = _here(context) if topic is None else _Here()
    decides = delegating.stands_in(context.connection, context.person, context.now)
    entries = [
        _entry(command)
        for name, command in context.catalogue.items()
        if _about(name, command, topic)
        and (context.person.role.includes(command.role) or (decides and command.may_be_delegated))
    ]
    if not entries:
        raise Problem("no_help", f"There is no help on {asked.topic}.", 'Say "help" for everything.')
    spoken = [entry.examples[0] for entry in entries if entry.examples]
    lead = f"About {topic}:" if topic else "You can say:"
    text = "\n".join([lead, *(f"• {entry.summary} {_quoted(entry.examples)}" for entry in entries)])
    page = HelpPage(topic=topic, commands=entries, here=here.say)
    if here.is_all:
        return Answer(
            result=page,
            telling=Telling(
                text=here.text,
                speech=here.text,
                choices=here.choices,
                buttons=[Button(label=phrase, say=phrase) for phrase in here.say[:4]],
            ),
        )
    text = f"{here.text}\n{text}".strip()
    return Answer(
        result=page,
        telling=Telling(
            text=text,
            speech=f"You can say, for example: {'; or: '.join(spoken[:3])}.",
            table=Table(
                title="Commands",
                columns=[Column(key="say", label="Say"), Column(key="does", label="What it does")],
                rows=[
                    [entry.examples[0] if entry.examples else entry.command, entry.summary]
                    for entry in entries
                ],
            ),
            buttons=[Button(label=phrase, say=phrase) for phrase in spoken[:4]],
        ),
    )


@dataclass(frozen=True)
class _Here:
    """What can be said at a point of the conversation."""

    text: str = ""
    say: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    is_all: bool = False
    """Whether the commands are left out: at a question or a read-back they are not what is asked for."""


def _here(context: Context) -> _Here:
    memory = context.memory
    if memory.pending is not None:
        return _at_question(memory.pending)
    if memory.waiting is not None:
        summary = memory.waiting.action.summary
        say = ["yes", "no"]
        changed = "say what to change"
        if context.catalogue[memory.waiting.command].model_fields.keys() & {"amount", "budget"}:
            say.append("make it 20k")
            changed = "change the amount, as “make it 20k”"
        text = (
            f"I wait for your yes to {summary}. Say “yes”, “no”, or {changed}, or a name, as “no, I meant …”."
        )
        return _Here(text, say, is_all=True)
    if memory.command is None:
        return _Here()
    say = ["the second one"] if len(memory.listed) > 1 else []
    say += ["why?", "repeat that"]
    if "period" in context.catalogue[memory.command].model_fields:
        say.append("and last month?")
    if memory.acted == "done":
        say.append("undo that")
    quoted = wording.listed([f"“{one}”" for one in say], "or")
    return _Here(f"About the last answer you can say {quoted}.", say)


def _at_question(pending: Pending) -> _Here:
    shown = pending.choices[:MOST_SHOWN]
    what = f" One of: {'; '.join(shown)}." if shown else ""
    more = len(pending.choices) - len(shown)
    what += f" {more} others may be named as well." if more else ""
    end = "Say “cancel” to stop, or ask something else first."
    return _Here(f"{pending.question}{what} {end}", [*shown[:3], "cancel"], shown, is_all=True)


def _about(name: str, command: type[Command], topic: str | None) -> bool:
    if topic is None:
        return True
    module = command.__module__.rsplit(".", 1)[-1]
    return topic in (name, module, *name.split("_"))


def _entry(command: type[Command]) -> HelpEntry:
    return HelpEntry(
        command=command.command_name(),
        summary=command.summary(),
        examples=command.examples,
        slots={slot.name: slot.question for slot in slots_of(command)},
        role=command.role.value,
        effect=command.effect.value,
        suggested=command.suggested,
    )


def _quoted(examples: tuple[str, ...]) -> str:
    return f"“{examples[0]}”" if examples else ""


def help_entries(catalogue: Catalogue) -> list[HelpEntry]:
    """Every command as help shows it, for documentation and listings."""
    return [_entry(command) for command in catalogue.values()]


class Repeated(BaseModel):
    """The answer given again."""

    turn_id: str
    command: str | None


class Repeat(Command):
    """Says the last reply again, or the question that waits."""

    examples = ("repeat that", "say that again")


@handles
def repeat(asked: Repeat, context: Context) -> Answer[Repeated]:
    """Tell the conversation's last reply again, a waiting question, too; nothing is computed anew."""
    del asked
    earlier = context.told()
    if earlier is None:
        raise Problem("nothing_to_repeat", "There is nothing to repeat yet.", "Ask me something first.")
    return Answer(
        result=Repeated(turn_id=earlier.turn_id, command=earlier.command),
        telling=earlier.reply,
    )


def _end_job(context: Context) -> "Answer[Cancelled]":
    """Ask for the end of the person's latest job, one of this conversation first."""
    running = latest(context.connection, user_id=context.person.id, only_open=True)
    here = [job for job in running if job.conversation_id == context.conversation_id]
    job = next(iter(here or running), None)
    if job is None:
        text = "There is nothing to cancel."
        return Answer(result=Cancelled(question=None), telling=Telling(text=text, speech=text))
    text = f"Ending: {job.summary}."
    return Answer(
        result=Cancelled(question=None, job=job.id),
        telling=Telling(text=text, speech=text),
        action=Action(summary=f"end “{job.summary}”", done=text, changes=[], ends=job.id),
    )


class Cancelled(BaseModel):
    """What was waiting and is dropped, or runs and shall end."""

    question: str | None
    job: str | None = None


class Cancel(Command):
    """Drops the question that waits for an answer, or ends what runs in the background."""

    examples = ("cancel", "never mind")


@handles
def cancel(asked: Cancel, context: Context) -> Answer[Cancelled]:
    """Say what was dropped; the dialogue has dropped it. Without a question, end the latest job."""
    del asked
    pending = context.memory.pending
    if pending is None:
        return _end_job(context)
    text = f"Dropped: {pending.question}"
    return Answer(result=Cancelled(question=pending.question), telling=Telling(text=text, speech="Dropped."))
