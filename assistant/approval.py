"""The approval policy: what happens at once, what is read back, what waits as a proposal."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from assistant import delegating, wording
from assistant.hearing import is_taken
from assistant.memory import Waiting
from assistant.reply import Action, Button, Problem, Reply, Status, Telling
from assistant.turn import Turn
from intents.command import Command, Effect, Role
from intents.slots import Amount
from storage import changes, jobs, names, proposals, requirements
from storage.changes import ChangedSinceError, InUseError, RowChange
from storage.imports import ImportChangedSinceError
from storage.jobs import NewJob
from storage.proposals import NewProposal


class Way(StrEnum):
    """How an action goes on."""

    AT_ONCE = "at_once"
    READ_BACK = "read_back"
    PROPOSE = "propose"


def way(
    command: Command, action: Action, role: Role, understood_by: str | None = None, *, is_spoken: bool = False
) -> Way:
    """What spends or goes public needs the chairman's yes; anybody else's request becomes a proposal.

    Whatever rests on the word of a reader that texts can talk into things is read back first, to anybody;
    so are names and amounts that were spoken and cost money or go public, and any other spoken amount.
    """
    if not is_taken(understood_by):
        return Way.READ_BACK
    if action.decides is not None:
        return Way.READ_BACK if is_spoken and action.decides.approved else Way.AT_ONCE
    effect = action.effect or command.effect
    if is_spoken and (effect in (Effect.SPEND, Effect.PUBLISH) or _tells_amount(command)):
        return Way.READ_BACK
    if effect not in (Effect.SPEND, Effect.PUBLISH):
        return Way.AT_ONCE
    return Way.READ_BACK if role is Role.CHAIRMAN else Way.PROPOSE


def _tells_amount(command: Command) -> bool:
    """Whether an amount of money was said: eighty is soon heard as eighteen, in a limit too."""
    return any(isinstance(value, Amount) for _, value in command)


def read_back(turn: Turn, action: Action, telling: Telling, then: Way) -> Reply:
    """Ask for the person's yes; ``then`` is what it leads to."""
    question = f"Shall I {_asked(action, then)}?"
    told = telling.model_copy(
        update={
            "text": f"{_reasons(action, telling)} {question}".strip(),
            "speech": question,
            "buttons": [Button(label="Yes", say="yes"), Button(label="No", say="no")],
        }
    )
    return Reply(turn_id=turn.turn_id, text=turn.text, status=Status.CONFIRM, reply=told)


def _asked(action: Action, then: Way) -> str:
    if then is Way.PROPOSE:
        return f"ask the chairman to {action.summary}"
    if action.decides is not None and action.decides.approved:
        return f"approve proposal {action.decides.proposal}: {action.summary}"
    return action.summary


def _reasons(action: Action, telling: Telling) -> str:
    """What was told besides that it is done, which it is not yet."""
    return "" if telling.text.startswith(action.done) else telling.text


def waiting_for_yes(turn: Turn, command: Command, action: Action, now: datetime) -> Waiting:
    """What a yes in this conversation will mean, and nothing else."""
    return Waiting(
        command=command.command_name(),
        slots=command.model_dump(mode="json", exclude_none=True),
        action=action,
        digest=action.digest(),
        turn_id=turn.turn_id,
        asked_at=now,
        understood_by=turn.understood_by,
    )


def propose(
    connection: Connection,
    turn: Turn,
    command: Command,
    action: Action,
    telling: Telling,
    now: datetime,
    lifetime: timedelta,
) -> Reply:
    """Write the request down as a proposal that waits for the chairman."""
    number = proposals.propose(
        connection,
        NewProposal(
            kind=action.kind,
            venture_id=action.venture_id,
            campaign_id=action.campaign_id,
            command=command.command_name(),
            command_version=command.version,
            slots=command.model_dump(mode="json", exclude_none=True),
            action=action.model_dump(mode="json"),
            action_hash=action.digest(),
            summary=action.summary,
            evidence=[one.model_dump(mode="json") for one in telling.evidence],
            amount=action.amount,
            currency=action.currency,
            confidence=action.confidence,
            risk=action.risk,
            requested_by=turn.person.id,
            requested_at=now,
            expires_at=now + lifetime,
        ),
    )
    turn.proposal = number
    until = wording.day((now + lifetime).date())
    waits = f"Proposal {number} waits for the chairman until {until}: {action.summary}."
    text = f"{_reasons(action, telling)} {waits}".strip()
    told = telling.model_copy(update={"text": text, "speech": f"Proposal {number} waits for the chairman."})
    return Reply(turn_id=turn.turn_id, text=turn.text, status=Status.APPROVAL, reply=told)


def carry_out(
    connection: Connection, turn: Turn, action: Action, reply: Reply, now: datetime
) -> list[RowChange]:
    """Do what was agreed, in the caller's transaction, and give what was changed.

    A proposal is decided once. When its world has changed since, the yes stands but the execution failed,
    which ``reply`` then says. Raises `Problem` when it was decided before, or when the world of any other
    action changed.
    """
    if action.ends is not None and not jobs.ask_cancel(connection, action.ends, now):
        raise Problem("already_ended", "That has ended already.", "Ask to undo it instead.")
    if action.decides is None:
        made = _made(connection, action, now)
        _begun(connection, turn, action, reply, now)
        return made
    decision = action.decides
    asked = proposals.proposal(connection, decision.proposal)
    if asked is not None:
        delegating.permit(connection, turn.person, asked, action if decision.approved else None, now)
    turn.proposal = decision.proposal
    word = "approved" if decision.approved else "rejected"
    if not proposals.decide(connection, decision.proposal, word, turn.person.id, decision.reason, now):
        raise Problem(
            "already_decided",
            f"Proposal {decision.proposal} was decided before, or has expired.",
            "List the approvals to see what waits.",
        )
    if not decision.approved:
        return []
    try:
        with connection.begin_nested():
            made = _made(connection, action, now)
            _begun(connection, turn, action, reply, now)
    except Problem as problem:
        proposals.executed(connection, decision.proposal, "failed", problem.message, now)
        _tell_failure(reply, decision.proposal, problem)
        return []
    proposals.executed(connection, decision.proposal, "done", None, now)
    return made


def _begun(connection: Connection, turn: Turn, action: Action, reply: Reply, now: datetime) -> None:
    """Write the action's job down, and what was said as the reply to it."""
    if action.begins is None:
        return
    reply.job_id = str(uuid4())
    reply.status = Status.RUNNING
    jobs.start(
        connection,
        NewJob(
            id=reply.job_id,
            command=action.begins.command,
            arguments=action.begins.arguments,
            summary=action.summary,
            user_id=turn.person.id,
            channel=turn.channel,
            conversation_id=turn.conversation_id,
        ),
        now,
    )


def _made(connection: Connection, action: Action, now: datetime) -> list[RowChange]:
    unmet = requirements.first_unmet(connection, action.requires, now.date())
    if unmet is not None:
        raise Problem(unmet.code, unmet.message, unmet.cure)
    try:
        made = changes.carry_out(connection, action.changes, now)
    except ChangedSinceError as error:
        raise changed_since(error) from error
    except IntegrityError as error:
        # Somebody else did the same at the same moment.
        taken = next((one for one in action.requires if one.among is None), None)
        if taken is not None:
            raise Problem(taken.code, taken.message, taken.cure) from error
        message = "There is something of that name already."
        raise Problem("name_taken", message, "Choose another name.") from error
    if action.renames:
        names.touch(connection)
    return made


def changed_since(error: ChangedSinceError) -> Problem:
    """The refusal to act on a world that is no longer the one that was agreed on."""
    if isinstance(error, ImportChangedSinceError):
        return Problem("changed_since", error.message, error.cure)
    what = error.change.table.replace("_", " ").removesuffix("s")
    if isinstance(error, InUseError):
        return Problem("in_use", f"The {what} is in use by now.", "Nothing was changed.")
    expected = error.change.before or {}
    moved = [
        f"{name.replace('_', ' ')} is {error.now[name]}, not {value}"
        for name, value in expected.items()
        if error.now is not None and error.now.get(name) != value
    ]
    detail = wording.listed(moved) if moved else "it is gone"
    return Problem(
        "changed_since",
        f"The {what} changed since: its {detail}." if moved else f"The {what} is gone since.",
        "Nothing was changed. Ask again to act on how things stand now.",
    )


def _tell_failure(reply: Reply, number: int, problem: Problem) -> None:
    text = f"Proposal {number} is approved, but could not be carried out. {problem.message} {problem.cure}"
    reply.status = Status.FAILED
    reply.reply = Telling(text=text, speech=f"Proposal {number} could not be carried out.")
    reply.error = problem.error()
