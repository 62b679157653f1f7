"""What the guard must know, and what a card says, about how things stand."""

from visard.daemon.guard.gate import Composed, Words
from visard.daemon.guard.rules import Facts
from visard.daemon.pipeline.capture import Capture, Presence
from visard.daemon.pipeline.recipe import Recipe, Switches


def facts(
    recipe: Recipe, switches: Switches, capture: Capture, made: Composed | None, *, late: bool
) -> Facts:
    """Return the guard's facts about ``made``, which may come from the recipe before this one."""
    return Facts(
        covers=recipe.persona is not None and not switches.paused,
        reveal=switches.reveal,
        animate=made.animated if made and made.look else recipe.animates,
        when_lost=switches.settings.when_lost,
        camera_gone=capture.gone,
        late=late,
    )


def words(recipe: Recipe, switches: Switches, capture: Capture) -> Words:
    """Return what a card says if one must be shown."""
    still = recipe.persona.still if recipe.persona else None
    if switches.paused:
        return Words("Paused")
    if capture.presence is Presence.lost:
        return Words("The camera is gone; waiting for it to come back")
    if capture.gone or recipe.persona is not None:
        return Words("One moment", still)
    return Words("No persona chosen", still)
