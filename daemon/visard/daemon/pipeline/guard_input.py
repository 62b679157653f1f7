"""What the guard must know, and what a card says, about how things stand."""

from visard.daemon.config.settings import Mode
from visard.daemon.guard.gate import Composed, Words
from visard.daemon.guard.rules import Facts
from visard.daemon.pipeline.capture import Capture, Presence
from visard.daemon.pipeline.recipe import Recipe


def facts(recipe: Recipe, intake: Capture, made: Composed | None) -> Facts:
    """Return the guard's facts about ``made``, which may come from the recipe before this one."""
    return Facts(
        covers=recipe.covers,
        reveal=recipe.reveal,
        animate=made.animated if made and made.look else recipe.mode is Mode.animate,
        when_lost=recipe.settings.when_lost,
        camera_gone=intake.gone,
    )


def words(recipe: Recipe, intake: Capture) -> Words:
    """Return what a card says if one must be shown."""
    if recipe.paused:
        return Words("Paused")
    if intake.presence is Presence.lost:
        return Words("The camera is gone; waiting for it to come back")
    if intake.gone or recipe.covers:
        return Words("One moment", recipe.still)
    return Words("No persona chosen", recipe.still)
