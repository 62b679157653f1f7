"""Compiled engines on disk: what is believed, what is not, and what happens when there is no room."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import fake_engines
import numpy as np
import pytest
from fake_engines import Fake
from graphs import small
from limits import soft_limit

from visard.engines import interfaces, load
from visard.engines.accuracy import ReferenceResults
from visard.engines.cache import cache as module
from visard.engines.cache import files
from visard.engines.cache.cache import Cache, CachedEngine, CacheEntry, CacheKey, cache_key
from visard.engines.cache.digest import digest
from visard.engines.compile.job import CompileJob
from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Options, Precision, Range


def made(name: str = "a", size: int = 1000, **changes: object) -> CachedEngine:
    """An entry of random bytes."""
    known = {"model": name, "backend": "fake", "version": "1", "device": "cuda:0", "fingerprint": "card"}
    fields = {**known, "precision": "fp16", "threads": 1, "ranges": [["x", [1], [2], [3]]], "samples": ""}
    samples = [(np.arange(6, dtype=np.float32).reshape(2, 3),)]
    plan = np.random.default_rng(len(name)).bytes(size)
    entry = CacheEntry(f"{name}.onnx", CacheKey(**{**fields, **changes}), 1.5, ("a note",))
    return CachedEngine(entry, plan, ReferenceResults(samples, ((np.float32([1, 2]), np.float32([3])),)))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "engines")


def test_what_was_stored_is_found(cache: Cache) -> None:
    before = made()
    assert cache.find(before.entry.key) is None
    stored = cache.store(before)
    assert stored.entry.warning == ""
    found = cache.find(before.entry.key)
    assert found is not None
    assert (found.plan, found.found) == (before.plan, True)
    assert (found.entry.name, found.entry.seconds, found.entry.notes) == ("a.onnx", 1.5, ("a note",))
    np.testing.assert_array_equal(found.reference.samples[0][0], before.reference.samples[0][0])
    assert [array.tolist() for array in found.reference.outputs[0]] == [[1, 2], [3]]


def test_folder_and_files_are_private(cache: Cache) -> None:
    cache.store(made())
    (path,) = cache.folder.glob("*.engine")
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert cache.folder.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [{"model": "b"}, {"backend": "other"}, {"version": "2"}, {"device": "cuda:1"}, {"fingerprint": "card 2"},
     {"precision": "fp32"}, {"threads": 2}, {"ranges": []}, {"samples": "x"}, {"format": 0}],
)  # fmt: skip
def test_anything_else_is_another_engine(cache: Cache, change: dict[str, object]) -> None:
    content = made()
    stored = cache.store(content).entry.path
    other = replace(content.entry.key, **change)
    assert cache.find(other) is None
    stored.rename(cache.folder / f"{other.digest}.engine")  # under a name it has no right to
    assert cache.find(other) is None


def test_cut_anywhere_it_is_no_entry(cache: Cache) -> None:
    content = made(size=300)
    path = cache.store(content).entry.path
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 17), len(whole) - 1, 0, 1}:
        path.write_bytes(whole[:length])
        assert cache.find(content.entry.key) is None, length
    path.write_bytes(whole)
    assert cache.find(content.entry.key) is not None


def test_a_flipped_bit_never_changes_what_is_found(cache: Cache) -> None:
    content = made(size=300)
    path = cache.store(content).entry.path
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        broken = bytearray(whole)
        broken[place] ^= 1 << place % 8
        path.write_bytes(broken)
        found = cache.find(content.entry.key)
        refused += found is None
        if found is not None:  # a time or an attribute, which nobody reads
            assert (found.plan, found.entry.key) == (content.plan, content.entry.key)
            assert found.reference.outputs[0][0].tolist() == [1, 2]
    assert refused > len(whole) / 3 * 0.8


def test_an_engine_put_into_an_entry_is_noticed(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    import zipfile

    content = made()
    path = cache.store(content).entry.path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["engine.bin"] = b"something else of any size"
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    assert cache.find(content.entry.key) is None
    assert "made again" in caplog.text
    assert "engine.bin" in caplog.text


def test_a_file_that_others_may_write_is_not_believed(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    content = made()
    path = cache.store(content).entry.path
    path.chmod(0o620)
    assert cache.find(content.entry.key) is None
    assert "others may write it" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_not_believed(cache: Cache) -> None:
    content = made()
    path = cache.store(content).entry.path
    os.chown(path, 12345, -1)
    assert cache.find(content.entry.key) is None
    os.chown(path, 0, -1)
    assert cache.find(content.entry.key) is not None
    os.chown(cache.folder, 12345, -1)
    assert cache.find(content.entry.key) is None
    assert "belongs to somebody else" in cache.store(content).entry.warning


def test_a_link_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    content = made()
    path = cache.store(content).entry.path
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.find(content.entry.key) is None


def test_an_open_folder_is_closed_again(cache: Cache) -> None:
    cache.folder.mkdir(parents=True, mode=0o777)
    cache.folder.chmod(0o777)
    cache.store(made())
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("no folder")
    cache = Cache(tmp_path / "engines")
    assert cache.store(made()).entry.warning
    assert cache.find(made().entry.key) is None
    assert (cache.entries(), cache.clear(), cache.size()) == ([], [], 0)


@pytest.mark.parametrize("limit", [0, 100, 5000, 20_000])
def test_without_room_nothing_half_is_left(cache: Cache, limit: int) -> None:
    content = made(size=30_000)
    with soft_limit(resource.RLIMIT_FSIZE, limit):
        stored = cache.store(content)
    assert stored.entry.path is None
    assert "could not be kept" in stored.entry.warning
    assert stored.plan == content.plan
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("step", ["fsync", "open"])
def test_every_kind_of_full_disk(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    cache.usable()

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, step, fails)
    stored = cache.store(made())
    monkeypatch.undo()
    assert os.strerror(number) in stored.entry.warning
    assert list(cache.folder.glob("*")) == []


@pytest.fixture
def full_disk(tmp_path: Path):
    """A disk of 256 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full(full_disk: Path, tmp_path: Path) -> None:
    cache = Cache(full_disk / "engines")
    assert cache.store(made("small", size=1000)).entry.path
    (full_disk / "fill").write_bytes(b"x" * 180_000)
    stored = cache.store(made("large", size=200_000))
    assert "No space left" in stored.entry.warning
    assert [entry.name for entry in cache.entries()] == ["small.onnx"]
    entry = CompileJob(small(tmp_path / "m.onnx"), Fake("fake", instant=True), Options(), cache=cache).run()
    assert entry.path or "No space left" in entry.warning
    assert not list(cache.folder.glob(".half*"))


def test_an_engine_serves_from_memory_where_not_a_byte_is_left(
    full_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.suppress(OSError), (full_disk / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    found = {"chat": fake_engines.chat, "quick": Fake("quick", 2, instant=True, device="cpu")}
    for name, backend in found.items():
        monkeypatch.setattr(interfaces.backends, "_found", {name: backend})
        served = load(small(tmp_path / f"{name}.onnx"), cache=Cache(full_disk / "engines"))
        assert served(np.zeros((1, 3, 16, 16), np.float32))[0].shape == (1, 4, 16, 16)
        assert "could not be kept" in served.status.warnings[0]
    assert [path for path in full_disk.rglob("*") if path.is_file() and path.stat().st_size] == [
        full_disk / "fill"
    ]


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_the_one_used_longest_ago_goes_first(cache: Cache) -> None:
    paths = {}
    for number, name in enumerate(["one", "two", "three"]):
        stored = cache.store(made(name))
        paths[name] = stored.entry.path
        stored.held.close()
        age(paths[name], 100 - number)
    assert cache.find(made("one").entry.key) is not None  # used again, so it is the newest
    cache.limit = cache.size() + 500
    cache.store(made("four"))
    assert {entry.name for entry in cache.entries()} == {"one.onnx", "three.onnx", "four.onnx"}


def test_what_is_in_use_stays(cache: Cache) -> None:
    used = cache.store(made("used"))
    unused = cache.store(made("unused"))
    unused.held.close()
    age(used.entry.path, 1000)
    cache.limit = 10
    cache.store(made("new"))
    assert {entry.name for entry in cache.entries()} == {"used.onnx", "new.onnx"}
    del used


def test_what_another_process_uses_stays(cache: Cache) -> None:
    stored = cache.store(made("used"))
    stored.held.close()
    code = "import sys; from pathlib import Path; from visard.engines.cache import files\n"
    code += "file = files.trusted(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(stored.entry.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        cache.limit = 10
        cache.store(made("new")).held.close()
        assert stored.entry.path.exists()
    cache.store(made("newer"))
    assert {entry.name for entry in cache.entries()} == {"newer.onnx"}


def test_leftovers_of_the_dead_are_swept(cache: Cache) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    cache.usable()
    (cache.folder / f".half-{dead.pid}-x").write_bytes(b"half")
    (cache.folder / f".half-{dead.pid}-y").mkdir()
    ours = cache.folder / f".half-{os.getpid()}-z"
    ours.write_bytes(b"being written")
    cache.store(made())
    assert list(cache.folder.glob(".half*")) == [ours]


def test_clearing(cache: Cache) -> None:
    for name, backend in (("a", "x"), ("a", "y"), ("b", "x"), ("c", "y")):
        cache.store(made(name, backend=backend))
    assert len(cache.clear(model="a.onnx", backend="x")) == 1
    assert len(cache.clear(model="b")) == 1
    assert [e.name for e in cache.entries()] == ["c.onnx", "a.onnx"]
    (cache.folder / f"{'0' * 64}.engine").write_bytes(b"no entry at all")
    assert len(cache.clear()) == 3
    assert cache.size() == 0


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    assert Cache().folder == tmp_path / "cache" / "engines"
    monkeypatch.delenv("VISARD_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache().folder.name == "engines"
    assert "visard" in str(Cache().folder)


def test_a_key_tells_apart_what_matters() -> None:
    fake = Fake("fake", device="cpu")
    gpu = Options("cuda:0", threads=1)
    assert cache_key("m", fake, gpu, None) == cache_key("m", fake, replace(gpu, threads=4), None)
    cpu = Options("cpu", threads=1)
    assert cache_key("m", fake, cpu, None) != cache_key("m", fake, replace(cpu, threads=4), None)
    wide = replace(gpu, ranges=(Range("x", (1,), (2,), (3,)),))
    assert cache_key("m", fake, gpu, None) != cache_key("m", fake, wide, None)
    clip = [(np.zeros((1, 3), np.float32),)]
    other = [(np.ones((1, 3), np.float32),)]
    mixed = Options("cpu", Precision.mixed)
    assert cache_key("m", fake, mixed, clip) != cache_key("m", fake, mixed, other)
    assert cache_key("m", fake, cpu, clip) == cache_key("m", fake, cpu, other)


def test_external_weights_belong_to_the_network(tmp_path: Path) -> None:
    import onnx

    small(tmp_path / "plain.onnx")
    model = onnx.load(tmp_path / "plain.onnx")
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    first = digest(path)
    weights = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    assert digest(path) != first
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelRefused, match=r"model\.onnx needs .*weights\.bin.* missing"):
        digest(path)


def test_weights_of_openvinos_format_belong_to_the_network(tmp_path: Path) -> None:
    path = tmp_path / "n.xml"
    path.write_text("<net/>")
    with pytest.raises(ModelRefused, match=r"n\.bin"):
        digest(path)
    (tmp_path / "n.bin").write_bytes(b"1")
    first = digest(path)
    (tmp_path / "n.bin").write_bytes(b"2")
    assert digest(path) != first


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, visard.engines; print({'onnx', 'onnxruntime', 'openvino'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"


def test_format_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    content = made()
    cache.store(content)
    assert content.entry.key.format == module.FORMAT
    assert cache.find(replace(content.entry.key, format=module.FORMAT + 1)) is None
