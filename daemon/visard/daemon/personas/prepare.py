"""From a persona's name or photo to a recipe that can be used; takes a second or so."""

from collections.abc import Callable
from pathlib import Path

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.personas.library import Library
from visard.daemon.pipeline.recipe import Recipe


def prepare(
    persona: str | None,
    mode: Mode = Mode.swap,
    settings: Settings | None = None,
    *,
    library: Library | None = None,
    swapper: str = "mesh",
    animator: str = "puppet",
    progress: Callable[[float], None] = lambda _: None,
) -> Recipe:
    """Read and examine the persona (None: the first shipped one) and prepare it for ``mode``.

    ``progress`` is told the share that is done, 0 to 1.
    Raises PersonaError, PortraitError or EngineError.
    """
    from visard.models.animate import animators
    from visard.models.portrait import examine
    from visard.models.swap import swappers

    chosen = (library or Library()).resolve(persona)
    progress(0.1)
    portrait = examine(Path(chosen.picture))
    progress(0.5)
    animate = mode is Mode.animate
    return Recipe(
        persona=chosen.name,
        swap=None if animate else swappers.get(swapper).prepare(portrait),
        animation=animators.get(animator).prepare(portrait) if animate else None,
        still=portrait.image,
        mode=mode,
        settings=settings or Settings(),
    )
