"""From a persona to what puts it on: chooses the processor, and prepares it."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import median
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError
from visard.daemon.personas.record import AUTO, Persona, ProcessorChoice
from visard.engines.errors import Cancelled
from visard.models.errors import ModelError, ModelMissing, ProcessorUnknown
from visard.models.face import Face, Image
from visard.models.processor import (
    ASK,
    Material,
    NoOptions,
    Prepared,
    Processor,
    Report,
    UsesStore,
    find_processor,
    processors,
)

FAST = 20.0
"""Frames a second from which a processor is fast enough to be chosen by itself."""
_TRIALS = 5


@dataclass(frozen=True, slots=True)
class PreparedPersona:
    """A persona, ready to be put on."""

    name: str
    processor: str
    mode: Mode
    """The kind of the processor."""
    prepared: Prepared = field(repr=False)
    still: Image | None = field(default=None, repr=False)
    """The portrait itself, shown in animate mode while there is no driver."""
    material: Material = field(default=Material(), repr=False)
    options: BaseModel = field(default=NoOptions(), repr=False)
    """Those of the processor."""


def prepare(
    persona: Persona,
    mode: Mode | None,
    report: Report = lambda _share, _text: None,
    *,
    processor: str | None = None,
    options: Mapping[str, Any] | None = None,
    speed: Callable[[Prepared], float] | None = None,
) -> PreparedPersona:
    """Prepare a persona for ``mode``; seconds for a photo, minutes where networks are compiled.

    Without a mode it is what the processor does. ``processor`` and ``options`` go before what the persona's
    record says. Of several that ``auto`` may take, the best-looking one runs that reaches FAST frames a
    second here, or else the fastest. Raises PersonaError, PortraitError, EngineError, and what ``report``
    raises to cancel.
    """
    if mode is None:
        mode = mode_for(configured(persona, processor, {}))
    chosen = candidates(persona, mode, processor)
    fastest: tuple[float, Processor, Prepared, BaseModel] | None = None
    for one in chosen:
        values = {**persona.record.options.get(one.name, {}), **(options or {})}
        try:
            checked = checked_options(one, values)
            prepared = one.prepare(persona.material, checked, report)
        except ModelMissing:
            if fastest is None and one is chosen[-1]:
                raise
            continue  # what needs no model of the store goes before one that is not there
        try:
            rate = FAST if len(chosen) == 1 else (speed or frames_per_second)(prepared)
        except BaseException:
            prepared.close()
            raise
        if fastest is None or rate > fastest[0]:
            if fastest:
                fastest[2].close()
            fastest = rate, one, prepared, checked
        else:
            prepared.close()
        if rate >= FAST:
            break
    assert fastest is not None, "there is a candidate, or candidates would have raised"
    _, one, prepared, checked = fastest
    still = _still(persona, mode)
    return PreparedPersona(persona.name, one.name, mode, prepared, still, persona.material, checked)


def missing(persona: Persona) -> str | None:
    """Say which models the persona's own processor lacks, and what gets them; None where it lacks none.

    ``auto`` lacks none: it takes what can be used.
    """
    choice = persona.record
    with suppress(PersonaError, ProcessorUnknown):
        one = find_processor(choice.processor) if choice.processor != AUTO else None
        if isinstance(one, UsesStore):
            try:
                one.check_models(checked_options(one, choice.options.get(one.name, {})))
            except ModelError as error:
                return str(error)
    return None


def time_limit(seconds: float, over: Callable[[], bool] = lambda: False) -> Report:
    """Return a report that gives up ``seconds`` from now, or when it is ``over``, by raising Cancelled."""
    end = time.monotonic() + seconds

    def report(_share: float, step: str) -> None:
        if over():
            raise Cancelled(f"{step} was given up, Visard ends")
        if time.monotonic() > end:
            raise Cancelled(
                f"{step} took more than {seconds:g} s and was given up; the file is of no use here"
            )

    return report


def candidates(persona: Persona, mode: Mode, processor: str | None = None) -> list[Processor]:
    """Return the processors to try, the best-looking first: one, or with ``auto`` all that could do it.

    A persona's own processor counts for its kind; in the other mode it is ``auto``. Raises PersonaError.
    """
    wanted = processor or persona.record.processor
    if wanted != AUTO:
        found = find_processor(wanted)
        if found.kind == mode.value:
            _check_material(found, persona)
            return [found]
        if processor is not None:
            raise PersonaError(f"{wanted} can {found.kind}, not {mode}; use --mode {found.kind}")
    able = [one for one in suitable(persona.material) if one.kind == mode.value]
    if not able:
        made_of = " and ".join(sorted(persona.material.kinds)) or "nothing"
        raise PersonaError(
            f"nothing can {mode} with {persona.name}, which is made of {made_of}; "
            + ("add it again with --picture" if mode is Mode.animate else "try --mode animate")
        )
    return able


def mode_for(persona: Persona, usual: Mode = Mode.swap) -> Mode:
    """Return the mode of the processor that was chosen for a persona, else ``usual`` if it can do that."""
    if persona.record.processor != AUTO:
        return Mode(find_processor(persona.record.processor).kind)
    able = {one.kind for one in suitable(persona.material)}
    return usual if usual.value in able or not able else Mode(min(able))


def suitable(material: Material) -> list[Processor]:
    """Return every processor that can use this material, the best-looking first."""
    able = [one for one in processors().values() if one.accepts & material.kinds]
    return sorted(able, key=lambda one: -one.quality)


def _check_material(processor: Processor, persona: Persona) -> None:
    if not processor.accepts & persona.material.kinds:
        raise PersonaError(
            f"{processor.name} needs {' or '.join(sorted(processor.accepts))}, and {persona.name} is made of "
            f"{' and '.join(sorted(persona.material.kinds)) or 'nothing'}"
        )


def checked_options(processor: Processor, values: Mapping[str, Any]) -> BaseModel:
    """Return ``values``, which may be text or None for the default, as options; raises PersonaError."""
    known = processor.Options.model_fields
    given = {name: value for name, value in values.items() if value is not None or name not in known}
    try:
        return processor.Options.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = ".".join(map(str, wrong["loc"]))
        if wrong["type"] == "extra_forbidden":
            there = ", ".join(known) or "none"
            raise PersonaError(f"{processor.name} has no option {place!r}; there are: {there}") from None
        raise PersonaError(f"{processor.name}: {place}: {wrong['msg']}, not {wrong['input']!r}") from None


def chosen(
    persona: Persona,
    processor: str | None,
    options: Mapping[str, Any] | None,
    at_work: str | None = None,
) -> ProcessorChoice:
    """Return a persona's choice with another processor (None: as it is) and some options changed.

    The options are those of the processor; with ``auto`` of the one ``at_work``, else of the best-looking
    one. An option of None takes its default again; None instead of options: all of them. Raises PersonaError.
    """
    wanted = processor or persona.record.processor
    able = suitable(persona.material)
    if wanted != AUTO:
        able = [find_processor(wanted)]
        _check_material(able[0], persona)
    if options is None:
        return ProcessorChoice(processor=wanted)
    known = persona.record.options
    for one in sorted(able, key=lambda one: one.name != at_work)[:1] if options else ():
        checked = checked_options(one, {**known.get(one.name, {}), **options})
        known = {**known, one.name: checked.model_dump(mode="json", exclude_defaults=True)}
    return ProcessorChoice(processor=wanted, options={name: kept for name, kept in known.items() if kept})


def configured(
    persona: Persona, processor: str | None, options: Mapping[str, Any], mode: Mode | None = None
) -> Persona:
    """Return a persona with another choice, which is not kept.

    Where ``mode`` decides between processors the options are those of the best-looking one that can do it.
    Raises PersonaError.
    """
    able = candidates(persona, mode, processor) if mode and options else []
    choice = chosen(persona, processor, options, next((one.name for one in able), None))
    return replace(persona, record=persona.record.model_copy(update=choice.model_dump()))


def questions(persona: Persona, processor: str | None) -> dict[str, FieldInfo]:
    """Return the options that only the person knows the right value of, of what would put a persona on."""
    able = [find_processor(processor)] if processor not in (None, AUTO) else suitable(persona.material)[:1]
    fields = {name: field for one in able for name, field in one.Options.model_fields.items()}
    return {name: field for name, field in fields.items() if _is_asked(field)}


def _is_asked(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get(ASK))


def typed_options(persona: Persona) -> dict[str, BaseModel]:
    """Return a persona's options by the name of each processor that can put it on; raises PersonaError."""
    return {
        one.name: checked_options(one, persona.record.options.get(one.name, {}))
        for one in suitable(persona.material)
    }


def _still(persona: Persona, mode: Mode) -> Image | None:
    if mode is not Mode.animate or persona.picture is None:
        return None
    from visard.models.picture_file import read_picture
    from visard.models.portrait import LONGEST

    return read_picture(persona.picture, LONGEST)


def frames_per_second(prepared: Prepared) -> float:
    """Return how often one face of a sample picture can be done in a second, on this machine as it is."""
    picture, face = _sample()
    times = []
    for _ in range(1 + _TRIALS):  # the first one makes buffers
        start = time.perf_counter()
        for _patch in prepared.submit(picture, (face,)).result(60):
            times.append(time.perf_counter() - start)
    prepared.forget()
    return 1 / median(times[1:])


@cache
def _sample() -> tuple[Image, Face]:
    from visard.models.assets import asset
    from visard.models.portrait import examine

    portrait = examine(asset("sample_1.jpg"))
    return portrait.image, portrait.face
