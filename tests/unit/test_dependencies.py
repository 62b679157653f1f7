"""What is imported is declared, what is declared is used and locked, what is installed is in NOTICE."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PARTS = ("daemon", "engines", "models", "tray")
OF_THE_SYSTEM = {"gi"}
"""Installed by Linux's own package manager only."""
NOT_IMPORTED = {
    "pip": "started as a program",
    "cuda-bindings": "cuda-core stands on it",
    "nvidia-cuda-nvrtc": "loaded by cuda-core",
    "tensorrt-rtx-cu13-bindings": "imported by the name that the backend has",
    "tensorrt-rtx-cu13-libs": "loaded by its bindings",
    "tensorrt-cu13": "imported by the name that the backend has",
    "tensorboard": "imported by torch.utils.tensorboard",
}
RUNTIME = ("", "camera", "tray")
MACHINES = [
    {"python_full_version": f"{python}.0", "python_version": python, "sys_platform": "linux",
     "platform_machine": machine, "platform_system": "Linux", "os_name": "posix",
     "platform_python_implementation": "CPython", "implementation_name": "cpython"}
    for python, machine in product(("3.11", "3.12", "3.13"), ("x86_64", "aarch64"))
]  # fmt: skip


@pytest.fixture(scope="module")
def declared(repository: Path) -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by extra; "" is what is always installed."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(text) for text in texts] for extra, texts in wanted.items()}


def imported(repository: Path) -> set[str]:
    """Return the top-level modules that the four parts import from outside, wherever in a file."""
    trees = [ast.parse(path.read_text()) for part in PARTS for path in (repository / part).rglob("*.py")]
    assert len(trees) > 200
    names = {
        name.partition(".")[0] for tree in trees for node in ast.walk(tree) for name in _modules(node) if name
    }
    return names - sys.stdlib_module_names - OF_THE_SYSTEM - {"visard"}


def _modules(node: ast.AST) -> Iterator[str | None]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module


def providers(module: str) -> set[str]:
    """Return the distributions that a module may come from; one that is not here has the module's name."""
    return {canonicalize_name(name) for name in packages_distributions().get(module, [module])}


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in requirements}


def test_what_is_imported_is_declared(repository: Path, declared: dict[str, list[Requirement]]) -> None:
    ours = set().union(*(names(found) for extra, found in declared.items() if extra not in ("dev", "bench")))
    missing = {module for module in imported(repository) if not providers(module) & ours}
    assert not missing


def test_what_is_declared_is_used(repository: Path, declared: dict[str, list[Requirement]]) -> None:
    ours = set().union(*(names(found) for extra, found in declared.items() if extra not in ("dev", "bench")))
    used = set().union(*map(providers, imported(repository)))
    assert ours - used == set(NOT_IMPORTED) - used
    assert not set(NOT_IMPORTED) - ours, "these are no longer declared"


def locked(repository: Path, name: str) -> list[tuple[Requirement, int]]:
    """Return the pins of a lock file, each with how many digests it has."""
    text = (repository / f"packaging/locked/{name}.txt").read_text()
    found = re.findall(r"^([^#\s][^\\\n]*)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(found) == len(lines)
    return [(Requirement(pin), digests.count("--hash")) for pin, digests in found]


@pytest.mark.parametrize("name", ["runtime", "rtx", "build", "test"])
def test_everything_locked_has_one_version_and_its_digests(repository: Path, name: str) -> None:
    pins = locked(repository, name)
    assert pins
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) and digests for pin, digests in pins)
    assert "://" not in (repository / f"packaging/locked/{name}.txt").read_text()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m['python_version']}-{m['platform_machine']}")
def test_the_lock_gives_what_is_declared(
    repository: Path, declared: dict[str, list[Requirement]], machine: dict[str, str]
) -> None:
    files = {"runtime": RUNTIME, "rtx": ("rtx",), "test": ("dev",)}
    held: dict[str, set[str]] = {}
    for name in ("build", *files):
        for pin, _ in locked(repository, name):
            if not pin.marker or pin.marker.evaluate(machine):
                held.setdefault(pin.name, set()).add(str(pin.specifier).removeprefix("=="))
    for wanted in (one for extras in files.values() for extra in extras for one in declared[extra]):
        if wanted.marker and not wanted.marker.evaluate(machine):
            continue
        (version,) = held[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"run packaging/lock.sh: {wanted} is locked to {version}"
    assert {name: versions for name, versions in held.items() if len(versions) > 1} == {}


def installed(repository: Path) -> Iterator[tuple[str, str]]:
    """Yield all that the runtime needs here, each with its terms as it states them itself."""
    for pin, _ in locked(repository, "runtime"):
        if pin.marker and not pin.marker.evaluate():
            continue
        try:
            meta = distribution(pin.name).metadata
        except PackageNotFoundError:
            pytest.fail(f"{pin.name} is locked but not installed; run packaging/setup.sh --test")
        classified = [line for line in meta.get_all("Classifier") or [] if line.startswith("License ::")]
        stated = meta.get("License-Expression") or (meta.get("License") or "").partition("\n")[0]
        yield pin.name, " ".join([stated, *classified])


def test_the_lock_holds_all_that_the_libraries_need(repository: Path) -> None:
    held = {pin.name for pin, _ in locked(repository, "runtime")}
    for name in [name for name, _ in installed(repository)]:
        needs = map(Requirement, distribution(name).requires or [])
        here = {
            canonicalize_name(one.name)
            for one in needs
            if not one.marker or one.marker.evaluate({"extra": ""})
        }
        assert here <= held, name


def test_the_notice_names_every_library_with_its_terms(repository: Path) -> None:
    text = (repository / "NOTICE").read_text()
    _, _, after = text.partition("Copyleft, ")
    copyleft, _, others = after.partition("Proprietary, ")
    terms = _terms(others.partition("Other libraries")[2])
    for name, stated in installed(repository):
        if "GPL" in stated:
            assert name in copyleft, f"{name} is under {stated}"
            family = re.search(rf"\b{name}\b[^.]*?\b(L?GPL)", copyleft)
            assert family, name
            assert ("LGPL" in stated) == (family[1] == "LGPL"), name
        elif name not in (
            "av",
            "opencv-python-headless",
            "six",
        ):  # told of with what they carry, or beside it
            assert name in terms, f"{name} is under {stated}"
            word = {"Apache-2.0": "Apache", "BSD-3-Clause": "BSD", "BSD-2-Clause": "BSD"}.get(terms[name])
            assert (word or terms[name]) in stated, (name, stated)
    assert "PyAV is BSD-3-Clause" in copyleft
    assert "OpenCV (Apache-2.0)" in copyleft


def _terms(section: str) -> dict[str, str]:
    """Return the terms by library of lines like 'MIT: click, h11 (a remark).'."""
    found = {}
    flat = re.sub(r"\s+|\([^)]*\)", " ", section)
    for licence, listed in re.findall(r"([\w.-]+): ([^:]+)\.(?=\s|$)", flat):
        for name in listed.split(","):
            found[canonicalize_name(name.strip().replace(" ", "").replace("ONNXRuntime", "onnxruntime"))] = (
                licence
            )
    return found


@pytest.mark.parametrize(
    ("script", "sets"), [("setup.sh", "runtime build rtx test"), ("deb/build.sh", "runtime build")]
)
def test_what_installs_takes_only_what_is_locked(repository: Path, script: str, sets: str) -> None:
    text = (repository / "packaging" / script).read_text()
    installs = [
        line
        for line in re.sub(r"\\\n", " ", text).splitlines()
        if re.match(r"\s*(install|pip) .*(-r |-e|whl)", line)
    ]
    assert len(installs) >= 2
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs), installs
    assert all(name in text for name in sets.split())
