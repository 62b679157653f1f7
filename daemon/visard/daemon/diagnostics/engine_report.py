"""What is known of engines in this process, as the control API and the command line tell of it."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from visard.daemon.api.engines import (
    BackendInfo,
    BuildingInfo,
    CachedInfo,
    CandidateInfo,
    EngineInfo,
    EnginesInfo,
)

if TYPE_CHECKING:
    from visard.engines import CandidateStatus, EngineStatus
    from visard.engines.cache.cache import CacheEntry
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
    from visard.engines import statuses

    return tuple({_alike(info): info for info in map(_engine, statuses())}.values())


def _alike(info: EngineInfo) -> tuple[object, ...]:
    """Return all that people would tell two engines apart by: no measured numbers."""
    candidates = [
        each.model_copy(update={"psnr": None, "cosine": None, "ms": None}) for each in info.candidates
    ]
    return info.model, info.backend, info.device, info.precision, info.building, *candidates


def cached() -> tuple[CachedInfo, ...]:
    """Return what is compiled and kept, the last used first."""
    from visard.engines.cache.cache import Cache

    return tuple(map(_cached, Cache().entries()))


def _cached(entry: "CacheEntry") -> CachedInfo:
    key = entry.key
    return CachedInfo(
        model=entry.name,
        backend=key.backend,
        version=key.version,
        device=key.device,
        precision=key.precision,
        bytes=entry.size,
        used=datetime.fromtimestamp(entry.used, UTC),
        seconds=entry.seconds,
        verdict=stale(entry) or "usable",
        notes=entry.notes,
    )


def stale(entry: "CacheEntry") -> str | None:
    """Return why an entry will not be used any more, or None."""
    from visard.engines.interfaces import backends as registry

    key, found = entry.key, registry.all().get(entry.key.backend)
    if found is None:
        return f"{key.backend} is gone"
    try:
        version, fingerprint = found.version(), found.fingerprint(key.device)
    except Exception as error:  # a library may fail in any way
        return f"{key.backend} cannot be used: {error}"
    if version != key.version:
        return f"made by version {key.version}, here is {version}"
    return None if fingerprint == key.fingerprint else "made for another device or driver"


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


def _engine(status: "EngineStatus") -> EngineInfo:
    going = status.building
    return EngineInfo(
        model=Path(status.model).stem,
        backend=status.backend,
        device=status.device,
        precision=status.precision or "",
        candidates=tuple(map(_candidate, status.candidates)),
        warnings=status.warnings,
        building=BuildingInfo(step=going.step, done=going.done, left=going.left) if going else None,
    )


def _candidate(candidate: "CandidateStatus") -> CandidateInfo:
    return CandidateInfo(
        backend=candidate.backend,
        device=candidate.device,
        precision=candidate.precision,
        state=candidate.state,
        reason=candidate.reason,
        psnr=_number(candidate.psnr),
        cosine=_number(candidate.cosine),
        ms=_number(candidate.ms),
    )


def _number(value: float | None) -> float | None:
    """Return a number that JSON knows."""
    return None if value is None or not math.isfinite(value) else value
