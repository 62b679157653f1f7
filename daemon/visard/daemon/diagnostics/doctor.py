"""What is here, what is missing, and the command that fixes it. Each check below is one small function."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.diagnostics import engine_checks
from visard.daemon.diagnostics.findings import Finding, FindingState

if TYPE_CHECKING:
    from visard.daemon.api.schema import Status
    from visard.daemon.devices.v4l2 import V4l2Device
    from visard.engines.plugins import Registry

ROOM = 500 * 2**20
"""Bytes to have free for personas, the generator's networks and a recording."""

REINSTALL = "pip install --force-reinstall --no-deps visard"


Check = Callable[[], Iterable[Finding]]


def examine(checks: Sequence[Check] | None = None) -> list[Finding]:
    """Run every check; one that fails is itself a finding."""
    return [finding for check in checks or CHECKS for finding in _careful(check)]


def _careful(check: Check) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:
        name = check.__name__.removeprefix("_").replace("_", " ")
        return [
            Finding(name, FindingState.problem, f"could not be examined: {type(error).__name__}: {error}")
        ]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("python", FindingState.ok, f"{version} on {platform.system()} {platform.machine()}")


def _processor() -> Iterator[Finding]:
    flags = _cpu_flags()
    known = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bfloat16", "amx_tile": "AMX"}
    has = [label for flag, label in known.items() if flag in flags]
    slow = "" if not flags or "avx2" in flags else "; without AVX2 expect few frames a second"
    yield Finding(
        "processor", FindingState.ok, f"{_cores()} cores, {', '.join(has) or 'no known extensions'}{slow}"
    )


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((set(line.split()[2:]) for line in lines if line.startswith(("flags", "Features"))), set())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _networks() -> Iterator[Finding]:
    from visard.models.assets import damaged

    if bad := damaged():
        yield Finding("networks", FindingState.problem, f"damaged or missing: {', '.join(bad)}", REINSTALL)
    else:
        yield Finding("networks", FindingState.ok, "all that ship with Visard are here and intact")


def _faces() -> Iterator[Finding]:
    from visard.models.processor import animators, swappers

    for name, registry in (("swappers", swappers), ("animators", animators)):
        there = ", ".join(sorted(registry.all()))
        state = FindingState.ok if there else FindingState.problem
        yield Finding(name, state, there or "none", None if there else REINSTALL)


def _plugins() -> Iterator[Finding]:
    for registry in _registries():
        registry.all()
        for name, reason in registry.broken.items():
            yield Finding(
                f"plugin {name}", FindingState.missing, f"of {registry.package} cannot be imported: {reason}"
            )


def _registries() -> "list[Registry[Any]]":
    from visard.daemon.sinks import sinks
    from visard.daemon.sources import sources
    from visard.engines.interfaces import backends
    from visard.models.processor import animators, swappers

    return [sources, swappers, animators, sinks, backends]


def _cameras() -> Iterator[Finding]:
    from visard.daemon.devices import v4l2, v4l2loopback
    from visard.daemon.sources._cameras import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        yield Finding("camera", FindingState.ok, str(camera))
    locked = [path for path in v4l2.paths() if not os.access(path, os.R_OK | os.W_OK)]
    if locked:
        yield Finding(
            "camera", FindingState.missing, f"no permission for {', '.join(locked)}", v4l2loopback.PERMISSION
        )
    elif not cameras:
        yield Finding(
            "camera", FindingState.missing, "none found; a video, a picture or the demo can take its place"
        )


def _virtual_camera() -> Iterator[Finding]:
    if sys.platform == "linux":
        yield _loopback()
    if importlib.util.find_spec("pyvirtualcam") is None:
        from visard.daemon.sinks.camera import LIBRARY

        yield Finding("pyvirtualcam", FindingState.missing, "needed for the virtual camera", LIBRARY)
    else:
        yield Finding("pyvirtualcam", FindingState.ok, "installed")


def _loopback() -> Finding:
    from visard.daemon.devices import v4l2loopback
    from visard.daemon.errors import SinkUnavailable

    name = "virtual camera"
    if not v4l2loopback.installed():
        return Finding(
            name, FindingState.missing, "v4l2loopback is not installed", v4l2loopback.install_command()
        )
    if not v4l2loopback.loaded():
        return Finding(
            name,
            FindingState.missing,
            "v4l2loopback is installed, not loaded",
            v4l2loopback.install_command(),
        )
    try:
        return _described(v4l2loopback.find())
    except SinkUnavailable as error:
        message, _, fix = str(error).partition(" Run: ")
        return Finding(name, FindingState.missing, message, fix or None)


def _described(device: "V4l2Device") -> Finding:
    from visard.daemon.devices import v4l2

    writer = next((holder for holder in v4l2.holders(device.path) if holder.only_writes), None)
    doing = f"in use by {writer}" if writer else "free"
    return Finding("virtual camera", FindingState.ok, f"{device.card} ({device.path}), {doing}")


def _own_files() -> Iterator[Finding]:
    from visard.daemon.config import paths

    folder = paths.data()
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free / 2**30:.1f} GB free"
    if not os.access(folder, os.W_OK):
        yield Finding(
            "own files", FindingState.problem, f"{folder} cannot be written", f'sudo chown "$USER" "{folder}"'
        )
    elif free < ROOM:
        yield Finding(
            "own files",
            FindingState.missing,
            f"{detail}: make room, or set VISARD_HOME to a folder elsewhere",
        )
    else:
        yield Finding("own files", FindingState.ok, detail)


def _personas() -> Iterator[Finding]:
    from visard.daemon.personas.library import Library
    from visard.daemon.personas.record import Damaged

    entries = Library().entries()
    damaged = [entry for entry in entries if isinstance(entry, Damaged)]
    whole = len(entries) - len(damaged)
    state = FindingState.ok if whole else FindingState.problem
    yield Finding("personas", state, f"{whole} in the library")
    for entry in damaged:
        fix = f"visard personas remove {entry.name}"
        yield Finding(f"persona {entry.name}", FindingState.missing, f"damaged: {entry.reason}", fix)


def _config() -> Iterator[Finding]:
    from visard.daemon.config import paths
    from visard.daemon.config.file import ConfigFile
    from visard.daemon.errors import ConfigError

    path = paths.config() / "config.toml"
    try:
        config = ConfigFile(path).config
    except ConfigError as error:
        yield Finding("settings", FindingState.problem, str(error), f"mv '{path}' '{path}.bad'")
    else:
        changed = len(config.model_dump(exclude_defaults=True))
        yield Finding(
            "settings", FindingState.ok, f"{path}, {changed} changed" if path.exists() else "all as shipped"
        )


def _daemon() -> Iterator[Finding]:
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonAbsent, DaemonError

    try:
        with Client() as daemon:
            status = daemon.status()
    except DaemonAbsent:
        yield Finding(
            "daemon",
            FindingState.missing,
            "none runs; the tray and 'visard status' need one",
            "visard daemon",
        )
    except DaemonError as error:
        yield Finding("daemon", FindingState.problem, str(error))
    else:
        yield from _running(status)


def _running(status: "Status") -> Iterator[Finding]:
    from importlib.metadata import version

    if status.version == version("visard"):
        yield Finding("daemon", FindingState.ok, f"runs ({status.state}, process {status.pid})")
    else:
        detail = f"is version {status.version}, this is {version('visard')}"
        yield Finding(
            "daemon", FindingState.missing, f"{detail}; start it again", "visard daemon --stop; visard daemon"
        )
    for engine in status.engines:
        yield engine_checks.serving(engine)
    for problem in status.problems:
        yield Finding("daemon", FindingState.missing, problem.message, problem.fix)


CHECKS: tuple[Check, ...] = (
    _python,
    _processor,
    engine_checks.engines,
    engine_checks.compiled,
    _networks,
    _faces,
    _cameras,
    _virtual_camera,
    _own_files,
    _personas,
    _config,
    _daemon,
    _plugins,
)
