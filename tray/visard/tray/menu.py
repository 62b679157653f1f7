"""The menu as a pure function of the daemon's status."""

from collections.abc import Iterator, Sequence

from visard.daemon.api.schema import CameraInfo, Job, PersonaInfo, Problem, Status
from visard.daemon.config.settings import Mode
from visard.tray import actions, submenus, texts
from visard.tray.i18n import _, several
from visard.tray.panel import SEPARATOR, MenuItem, note

_AUTO = "auto"
_SHOWN = 12
"""Personas that stand in the menu itself; the others are one step further."""


def menu(status: Status | None, cameras: Sequence[CameraInfo] = ()) -> tuple[MenuItem, ...]:
    """Return the whole menu; without a status there is no daemon."""
    if status is None:
        return (
            note(texts.headline(None)),
            MenuItem(_("Start Visard"), actions.StartDaemon()),
            SEPARATOR,
            MenuItem(_("Quit"), actions.Quit()),
        )
    return (
        *_top(status),
        SEPARATOR,
        *_personas(status),
        SEPARATOR,
        *_modes(status),
        *_processors(status),
        *_looks(status),
        SEPARATOR,
        *_actions(status),
        SEPARATOR,
        MenuItem(
            _("Camera"), children=submenus.camera(status.settings, status.camera, cameras), refreshes=True
        ),
        MenuItem(_("Settings"), children=submenus.settings(status.settings)),
        SEPARATOR,
        MenuItem(_("Quit Visard"), actions.Quit()),
    )


def _top(status: Status) -> Iterator[MenuItem]:
    if status.revealed:
        yield MenuItem(_("Hide my real face"), actions.HideRealFace())
    yield note(texts.headline(status))
    known = {info.name for info in status.personas}
    for job in (job for job in status.jobs if not job.done):
        if job.tunes:
            yield note(texts.job(job))
            yield MenuItem(_("Stop tuning"), actions.Cancel(job.id))
        elif job.persona is None or job.persona not in known:
            yield note(texts.job(job))
        elif job.persona == status.wanted:
            yield note(texts.job(job))
            yield MenuItem(_("Cancel"), actions.Cancel(job.id))
    found = tuple(map(_problem, status.problems))
    if len(found) > 1:
        label = several("{count} problem", "{count} problems", len(found))
        yield MenuItem(label.format(count=len(found)), children=found)
    else:
        yield from found


def _problem(problem: Problem) -> MenuItem:
    return MenuItem("⚠ " + texts.short(texts.problem(problem)), actions.ShowProblem(problem))


def _personas(status: Status) -> Iterator[MenuItem]:
    used = (status.persona, status.wanted)
    visible = [info for info in status.personas if not info.hidden or info.name in used]
    current = [info for info in visible if info.name == status.persona]
    others = [info for info in visible if info.name != status.persona]
    shown = {info.name for info in (*current, *others)[:_SHOWN]}
    yield from (_persona(info, status) for info in visible if info.name in shown)
    more = tuple(_persona(info, status) for info in visible if info.name not in shown)
    if more:
        yield MenuItem(_("More personas"), children=more)
    for remark in (remark for info in current for remark in info.warnings):
        yield note("⚠ " + texts.short(texts.capital(remark)))
    yield MenuItem(_("Add a persona from a picture or model …"), actions.AddPersona())
    yield MenuItem(_("Generate a person"), actions.GeneratePersona())


def _persona(info: PersonaInfo, status: Status) -> MenuItem:
    name = texts.called(info) + (" ⚠" if info.warnings else "")
    if info.damaged:
        return note(_("{persona} (damaged)").format(persona=name))
    if info.name == status.wanted != status.persona:
        name = _("{persona} (preparing{share})").format(persona=name, share=texts.share(_job(info, status)))
    return MenuItem(
        name,
        actions.SwitchPersona(info.name),
        checked=info.name == status.persona,
        radio=True,
        thumbnail=info.name,
    )


def _job(info: PersonaInfo, status: Status) -> Job | None:
    return next((job for job in status.jobs if job.persona == info.name and not job.done), None)


def _modes(status: Status) -> Iterator[MenuItem]:
    labels = {Mode.swap: _("Swap my face"), Mode.animate: _("Animate the portrait")}
    for mode, label in labels.items():
        action = (
            actions.SwitchMode(status.persona, mode) if status.persona else actions.change(mode=mode.value)
        )
        yield MenuItem(label, action, checked=mode is status.mode, radio=True)


def _processors(status: Status) -> Iterator[MenuItem]:
    """Yield what can put the present persona on, the chosen one ticked."""
    info = next((info for info in status.personas if info.name == status.persona), None)
    if info is None or not info.processors:
        return
    automatic = _("Automatic")
    if info.processor == _AUTO and status.processor:
        automatic = _("Automatic: {processor}").format(processor=status.processor)
    labels = {_AUTO: automatic, **{name: name for name in info.processors}}
    items = (
        MenuItem(label, actions.ChooseProcessor(info.name, name), checked=name == info.processor, radio=True)
        for name, label in labels.items()
    )
    yield MenuItem(_("Put on with"), children=tuple(items))


def _looks(status: Status) -> Iterator[MenuItem]:
    """Yield how the present persona may look where it is tuned, and what tunes it where that can be done."""
    info = next((info for info in status.personas if info.name == status.persona), None)
    if info is None or not info.photos:
        return
    if info.tuned is not None:
        yield MenuItem(_("The tuned look"), actions.PutTuned(info.name, True), checked=info.tuned, radio=True)
        yield MenuItem(
            _("The old look"), actions.PutTuned(info.name, False), checked=not info.tuned, radio=True
        )
    elif status.cannot_tune:
        yield note(texts.short(texts.cannot_tune(status.cannot_tune)))
    elif not any(job.tunes and not job.done for job in status.jobs):
        label = _("Tune {persona}: minutes, better likeness").format(persona=texts.called(info))
        yield MenuItem(label, actions.Tune(info.name))


def _actions(status: Status) -> Iterator[MenuItem]:
    if status.paused:
        yield MenuItem(_("Resume"), actions.Resume())
    else:
        yield MenuItem(_("Pause"), actions.Pause())
    if not status.revealed:
        yield MenuItem(_("Show my real face …"), actions.ShowRealFace())
    yield MenuItem(
        _("Calibrate: look straight ahead"), actions.Calibrate(), enabled=status.mode is Mode.animate
    )
    if status.enrolled:
        yield MenuItem(_("Forget my face"), actions.ForgetFace())
    else:
        yield MenuItem(_("Enrol my face …"), actions.EnrolFace())
    yield MenuItem(_("Open the preview"), actions.OpenPreview())
