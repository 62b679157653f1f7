"""What is known of engines in this process, as the control API and the command line tell of it."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.api.engines import BackendInfo, BuildingInfo, CachedInfo, EngineInfo, EnginesInfo, RungInfo

if TYPE_CHECKING:
    from visard.engines import Rung, Serving
    from visard.engines.cache.cache import Entry
    from visard.engines.interfaces import Backend


def backends() -> tuple[BackendInfo, ...]:
    """Return every backend, the first choice first; looking at them loads their libraries."""
    from visard.engines.interfaces import backends as registry

    found = sorted(registry.all().values(), key=lambda backend: backend.rank)
    broken = [
        BackendInfo(name=name, available=False, reason=reason) for name, reason in registry.broken.items()
    ]
    return (*map(backend, found), *broken)


def backend(one: "Backend") -> BackendInfo:
    """Describe a backend; a library may fail in any way, and is then not available."""
    try:
        if reason := one.unavailable():
            return BackendInfo(name=one.name, available=False, reason=reason)
        precisions = {device: tuple(map(str, one.precisions(device))) for device in one.devices()}
        return BackendInfo(name=one.name, available=True, version=one.version(), precisions=precisions)
    except Exception as error:
        return BackendInfo(name=one.name, available=False, reason=f"{type(error).__name__}: {error}")


def serving() -> tuple[EngineInfo, ...]:
    """Return every network that is at work in this process; several that are alike are one."""
    from visard.engines import serving as live

    return tuple({_alike(info): info for info in map(_engine, live())}.values())


def _alike(info: EngineInfo) -> tuple[object, ...]:
    """Return all that people would tell two engines apart by: no measured numbers."""
    rungs = [rung.model_copy(update={"psnr": None, "cosine": None}) for rung in info.rungs]
    return info.model, info.backend, info.device, info.precision, info.building, *rungs


def cached() -> tuple[CachedInfo, ...]:
    """Return what is compiled and kept, the last used first."""
    from visard.engines.cache.cache import Cache

    return tuple(map(_cached, Cache().entries()))


def _cached(entry: "Entry") -> CachedInfo:
    stamp = entry.stamp
    return CachedInfo(
        model=entry.name,
        backend=stamp.backend,
        version=stamp.version,
        device=stamp.device,
        precision=stamp.precision,
        bytes=entry.size,
        used=datetime.fromtimestamp(entry.used, UTC),
        seconds=entry.seconds,
        verdict=stale(entry) or "usable",
        notes=entry.notes,
    )


def stale(entry: "Entry") -> str | None:
    """Return why an entry will not be used any more, or None."""
    from visard.engines.interfaces import backends as registry

    stamp, found = entry.stamp, registry.all().get(entry.stamp.backend)
    if found is None:
        return f"{stamp.backend} is gone"
    try:
        version, fingerprint = found.version(), found.fingerprint(stamp.device)
    except Exception as error:  # a library may fail in any way
        return f"{stamp.backend} cannot be used: {error}"
    if version != stamp.version:
        return f"made by version {stamp.version}, here is {version}"
    return None if fingerprint == stamp.fingerprint else "made for another device or driver"


def everything() -> EnginesInfo:
    """Return all of it."""
    from visard.engines.cache.cache import Cache

    cache = Cache()
    return EnginesInfo(
        backends=backends(),
        serving=serving(),
        cached=cached(),
        folder=str(cache.folder),
        bytes=cache.size(),
        limit=cache.limit,
    )


def watch(changed: Callable[[], None]) -> Callable[[], None]:
    """Have ``changed`` called, on any thread, when anything of ``serving`` changes; return what ends that."""
    from visard.engines import watch as follow

    return follow(lambda _: changed())


def _engine(serving: "Serving") -> EngineInfo:
    going = serving.building
    return EngineInfo(
        model=Path(serving.model).stem,
        backend=serving.backend,
        device=serving.device,
        precision=serving.precision or "",
        rungs=tuple(map(_rung, serving.rungs)),
        warnings=serving.warnings,
        building=BuildingInfo(step=going.step, done=going.done, left=going.left) if going else None,
    )


def _rung(rung: "Rung") -> RungInfo:
    return RungInfo(
        backend=rung.backend,
        device=rung.device,
        precision=rung.precision,
        state=rung.state,
        reason=rung.reason,
        psnr=_number(rung.psnr),
        cosine=_number(rung.cosine),
    )


def _number(value: float | None) -> float | None:
    """Return a number that JSON knows."""
    return None if value is None or not math.isfinite(value) else value
