"""Why something was changed: by whom, on what rule or proposal, with whose yes."""

from collections.abc import Callable

from assistant.commands.why import Reasons
from assistant.reply import Status
from intents.command import Role
from tests.made_up_campaigns import Daily
from tests.world import DAY, TODAY, World


def test_what_the_chairman_approved_names_the_proposal(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    world.clock[0] += DAY / 24
    assert (
        world.run("set_budget", Role.OPERATOR, campaign="Zeta Push", amount="2000").status is Status.APPROVAL
    )
    assert world.run("approve", proposal=1).status is Status.DONE
    why = world.run("why", deed="change the budget", campaign="Zeta Push")
    assert isinstance(why.result, Reasons)
    assert why.result.deed is not None
    assert (why.result.deed.proposal, why.result.deed.approved_by) == (1, "chairman!")
    assert "It was proposal 1 by operator!." in why.reply.text
    assert "chairman! asked for that" in why.reply.text


def test_what_a_loop_did_names_its_figures(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.venture()
    world.run("set_spend_limit", amount="$10", pace="day", campaign="Zeta Push")
    world.days(lambda _: Daily(), TODAY, TODAY)
    world.look(world.clock[0], "spend_watch")
    why = world.run("why", deed="paused", venture="Zeta")
    assert why.reply.text.startswith("Paused Zeta Push. The Spend watch loop did that by itself on")
    assert "Why: Zeta Push has spent $60.00 of the $10.00 it may spend a day." in why.reply.text
    assert why.reply.evidence[0].formula == "sum of daily spend"


def test_what_somebody_did_without_a_word_is_told_so(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    world.run("pause_campaign", Role.OPERATOR, campaign="Zeta Push")
    told = world.run("why", deed="paused").reply.text
    assert "operator! asked for that (“pause_campaign”)" in told
    assert told.endswith("No reason was given.")
    # Letting it spend again is the chairman's to decide.
    assert world.run("undo", Role.OPERATOR).status is Status.APPROVAL
    assert world.run("approve", proposal=1).status is Status.DONE
    assert "It was taken back since." in world.run("why", deed="paused").reply.text


def test_what_never_happened_is_not_explained(make_world_here: Callable[..., World]) -> None:
    world = make_world_here()
    world.venture()
    asked = world.run("why", deed="change the budget", venture="Zeta")
    assert asked.error is not None
    assert asked.error.message == "There is no change of a budget of Zeta on record."
