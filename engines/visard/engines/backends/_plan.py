"""The wrapping of plans: one is opened only by whoever compiled it, and only when it is whole."""

import hashlib
import json

from visard.engines.errors import EngineError

_MAGIC = b"visard plan 1\n"


def seal(parts: dict[str, bytes], backend: str, version: str) -> bytes:
    """Return named parts as one plan."""
    digest = hashlib.sha256()
    for part in parts.values():
        digest.update(part)
    sizes = {name: len(part) for name, part in parts.items()}
    head = {"backend": backend, "version": version, "parts": sizes, "sha256": digest.hexdigest()}
    return b"".join([_MAGIC, json.dumps(head).encode(), b"\n", *parts.values()])


def unseal(plan: bytes, backend: str, version: str) -> dict[str, memoryview]:
    """Return the parts, not copied; raise EngineError for a plan of something else and a damaged one."""
    start = plan.find(b"\n", len(_MAGIC)) + 1
    try:
        if not plan.startswith(_MAGIC):
            raise ValueError(plan[:16])
        head = json.loads(plan[len(_MAGIC) : start])
        owner, made, sizes, digest = (head[key] for key in ("backend", "version", "parts", "sha256"))
        sizes = {str(name): int(size) for name, size in sizes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"this is no network that {backend} compiled; compile it again") from error
    if (owner, made) != (backend, version):
        raise EngineError(f"{owner} {made} compiled this, here is {backend} {version}; compile it again")
    body = memoryview(plan)[start:]
    if sum(sizes.values()) != len(body) or hashlib.sha256(body).hexdigest() != digest:
        raise EngineError(f"this network that {backend} compiled is damaged; compile it again")
    return dict(zip(sizes, _split(body, list(sizes.values())), strict=True))


def _split(body: memoryview, sizes: list[int]) -> list[memoryview]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [body[end - size : end] for size, end in zip(sizes, ends, strict=True)]
