"""Tells which model a file is by what it holds, never by its name."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain
from visard.models.store import onnx_scan, torch_scan
from visard.models.store.onnx_scan import OnnxContent
from visard.models.store.spec import ModelFile, ModelSpec, Shape, Signature, find_spec

Candidate = tuple[ModelSpec, ModelFile]
Content = OnnxContent | dict[str, Shape]
_BEGINNINGS = {
    b"<": "a web page or XML",
    b"{": "JSON or text",
    b"version https://git-lfs": "only a pointer to a file that Git LFS keeps; get the file itself",
    b"\x1f\x8b": "a packed archive; unpack it",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GGUF": "a language model",
}
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file of a model."""

    spec: ModelSpec
    file: ModelFile
    sha256: str
    published: bool
    """It is a file that somebody published, to the last byte; else only what it holds fits."""


def identify(
    path: Path,
    specs: Mapping[str, ModelSpec],
    wanted: str | None = None,
    *,
    by_name: bool = False,
    name: str | None = None,
) -> Recognised:
    """Return which model a file is; ``wanted`` names the one that it must be.

    Several models have files that are alike; then ``wanted`` says which it is, or with ``by_name`` the file's
    own name does. ``name`` is what messages call it. Raises ModelRefused with what was found and what was
    expected, ModelUnknown, and OSError if the file cannot be read.
    """
    name = name or path.name
    content = look(path, name)
    sha256, md5 = digests(path)
    candidates = [(spec, file) for spec in specs.values() for file in spec.files]
    known = [each for each in candidates if is_published(each[1], sha256, md5)]
    if wanted is not None:
        spec = find_spec(specs, wanted)
        candidates = [(spec, file) for file in spec.files]
        if known and spec not in [each for each, _ in known]:
            raise ModelRefused(f"{name} is {known[0][0].name} as it is published, not {wanted}")
    if known:
        spec, file = known[0]
        return Recognised(spec, file, sha256, published=True)
    fitting = [each for each in candidates if fits(each[1].signature, content)]
    if not fitting:
        raise _refusal(name, content, find_spec(specs, wanted) if wanted else None)
    spec, file = _chosen(path, name, _likely(fitting, content), by_name=by_name)
    return Recognised(spec, file, sha256, published=False)


def digests(path: Path, tell: Callable[[int], None] = lambda _: None) -> tuple[str, str]:
    """Return a file's SHA-256 and MD5, which older models are published with; ``tell`` hears bytes done."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open_plain(path, torch_scan.MAX_BYTES) as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            md5.update(block)
            tell(len(block))
    return sha256.hexdigest(), md5.hexdigest()


def is_published(file: ModelFile, sha256: str, md5: str) -> bool:
    """Whether these are digests of a published file."""
    return sha256 in (file.sha256, *file.also) or (file.md5 is not None and md5 == file.md5)


def look(path: Path, name: str) -> Content:
    """Return what a file holds. Raises ModelRefused for what is neither an ONNX file nor a checkpoint."""
    with open_plain(path) as file:
        begin = file.read(64)
    if torch_scan.is_checkpoint(begin):
        return torch_scan.scan(path, name)
    if begin[:1] == b"\x08":
        return onnx_scan.scan(path, name)
    stripped = begin.lstrip()
    found = next((words for start, words in _BEGINNINGS.items() if stripped.startswith(start)), "")
    if begin[8:10] == b'{"':
        found = "a safetensors file; the authors' own file is needed"
    seems = f"it seems to be {found}" if found else "it is empty" if not begin else "it is something else"
    raise ModelRefused(f"{name} is neither an ONNX file nor a PyTorch checkpoint: {seems}")


def fits(signature: Signature, content: Content) -> bool:
    """Whether a file holds what a model's file must hold."""
    if isinstance(content, dict):
        return bool(signature.keys) and _have(content, signature.keys)
    names = [port.name for port in content.inputs]
    if not signature.inputs or len(names) != len(signature.inputs) or not content.outputs:
        return False
    if "" not in signature.inputs and set(names) != set(signature.inputs):
        return False
    wanted = [signature.inputs.get(name, signature.inputs.get("", ())) for name in names]
    return (
        all(_alike(port.shape, shape) for port, shape in zip(content.inputs, wanted, strict=True))
        and _alike(content.outputs[0].shape, signature.output)
        and (not signature.weight or signature.weight in content.weights)
    )


def _have(content: Mapping[str, Shape], keys: Mapping[str, Shape]) -> bool:
    return all(key in content and _alike(content[key], shape) for key, shape in keys.items())


def _alike(found: Shape, wanted: Shape) -> bool:
    """Whether shapes agree where both are known; one without sizes agrees with all."""
    if not found or not wanted:
        return True
    return len(found) == len(wanted) and all(
        is_ == want or 0 in (is_, want) for is_, want in zip(found, wanted, strict=True)
    )


def _likely(fitting: list[Candidate], content: Content) -> list[Candidate]:
    """Return those whose hints agree too, or all when there are none."""
    return [each for each in fitting if _hinted(each[1].signature, content)] or fitting


def _hinted(signature: Signature, content: Content) -> bool:
    if isinstance(content, dict):
        return _have(content, signature.key_hints)
    return signature.half in (None, content.half)


def _chosen(path: Path, name: str, fitting: list[Candidate], *, by_name: bool) -> Candidate:
    if len(fitting) == 1:
        return fitting[0]
    named = [each for each in fitting if path.name.lower() in (each[1].name.lower(), f"{each[0].name}.onnx")]
    if named and by_name:
        return named[0]
    which = ", ".join(spec.name for spec, _ in fitting)
    hint = f": --as {named[0][0].name}, as its name says and --by-name believes" if named else ": --as NAME"
    raise ModelRefused(f"{name} may be any of {which}, whose files are alike; say which it is{hint}")


def _refusal(name: str, content: Content, wanted: ModelSpec | None) -> ModelRefused:
    if isinstance(content, dict):
        some = ", ".join(f"{key} {list(shape)}" for key, shape in list(content.items())[:3])
        found = f"a checkpoint of {len(content)} tensors" + (f" ({some} ...)" if some else "")
    else:
        found = str(content)
    if wanted is None:
        return ModelRefused(f"{name} is no model that Visard knows: found {found}; {_elsewhere(content)}")
    should = " or ".join(map(expected, wanted.files))
    return ModelRefused(f"{name} is not {wanted.name}: found {found}, expected {should}")


def _elsewhere(content: Content) -> str:
    if isinstance(content, OnnxContent) and any(port.name == "in_face:0" for port in content.inputs):
        return "it seems to be a face model, which is a persona: 'visard personas add FILE'"
    return "'visard models list' names those"


def expected(file: ModelFile) -> str:
    """Say what a file must hold."""
    signature = file.signature
    if signature.keys:
        keys = ", ".join(f"{key} {_sizes(shape)}" for key, shape in signature.keys.items())
        return f"a PyTorch checkpoint with {keys}"
    inputs = ", ".join(f"{key or 'any name'} {_sizes(shape)}" for key, shape in signature.inputs.items())
    weight = f", and a weight {_sizes(signature.weight)}" if signature.weight else ""
    return f"an ONNX network with inputs {inputs}, output {_sizes(signature.output)}{weight}"


def _sizes(shape: Shape) -> str:
    return "of any shape" if not shape else f"[{','.join(str(size or 'N') for size in shape)}]"
