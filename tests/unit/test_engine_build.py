"""Compiling in a child process: once, watched, cancelled at once, and every way for it to die."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import fake_engines
import numpy as np
import psutil
import pytest
from fake_engines import COUNT, Fake
from graphs import small, write

from visard.engines import child_process
from visard.engines.cache.cache import Cache
from visard.engines.compile.job import CompileJob, Eta
from visard.engines.errors import BuildFailed, Cancelled, EngineError, ModelRefused, NoNumbers
from visard.engines.interfaces import Options, Precision, Progress


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small(tmp_path / "small.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "engines")


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The processes that compiled."""
    path = tmp_path / "count"
    monkeypatch.setenv(COUNT, str(path))
    return lambda: [int(line.split()[-1]) for line in path.read_text().splitlines()] if path.exists() else []


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def build(model: Path, backend: Fake, cache: Cache, **more: object) -> CompileJob:
    return CompileJob(model, backend, Options("cuda:0"), cache=cache, **more)


def nothing_left(cache: Cache) -> bool:
    return not list(cache.folder.glob(".half*")) and cache.entries() == [] and not children()


def test_a_child_compiles_and_the_entry_is_kept(model: Path, cache: Cache, counted) -> None:
    seen: list[Progress] = []
    entry = build(model, fake_engines.slow, cache, report=seen.append).run()
    assert entry.path == cache.entries()[0].path
    assert counted() != [os.getpid()]
    assert len(counted()) == 1
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert {"thinking"} <= {progress.step for progress in seen}
    assert any(progress.left is not None for progress in seen)
    build(model, fake_engines.slow, cache).run()
    assert len(counted()) == 1
    assert children() == set()


def test_the_entry_holds_the_reference(model: Path, cache: Cache) -> None:
    made = build(model, fake_engines.good, cache).make()
    assert len(made.reference.samples) == 3
    picture, mean = made.reference.outputs[0]
    assert (picture.shape, mean.shape) == ((1, 4, 16, 16), (1, 4, 1, 1))
    np.testing.assert_allclose(picture.mean((2, 3), keepdims=True), mean, atol=1e-5)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (fake_engines.abort, "crashed with SIGABRT.*something inside a library"),
        (fake_engines.killed, "killed, most often because memory ran out"),
        (fake_engines.leaves, "ended with status 3"),
        (fake_engines.starve, "MemoryError"),
        (fake_engines.odd, "RuntimeError: nobody knows"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_child_that_dies_is_one_clear_error(model: Path, cache: Cache, backend: Fake, words: str) -> None:
    with pytest.raises(
        BuildFailed, match=rf"compiling small\.onnx with {backend.name} in fp32 failed.*{words}"
    ) as e:
        build(model, backend, cache).run()
    assert "\n" not in str(e.value)
    logs = list(cache.logs.iterdir())
    assert len(logs) == 1
    assert str(logs[0]) in str(e.value)
    assert nothing_left(cache)


def test_a_refusal_stays_a_refusal(model: Path, cache: Cache) -> None:
    with pytest.raises(ModelRefused, match="a layer of the wrong kind"):
        build(model, fake_engines.refuse, cache).run()
    assert nothing_left(cache)


def test_what_libraries_print_is_in_the_log(
    model: Path, cache: Cache, capfd: pytest.CaptureFixture[str]
) -> None:
    build(model, fake_engines.chat, cache).run()
    (path,) = cache.logs.iterdir()
    assert "a library prints" in path.read_text()
    assert "straight to the terminal" in path.read_text()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", [fake_engines.hang, fake_engines.deaf], ids=lambda b: b.name)
def test_a_child_that_hangs_is_stopped(model: Path, cache: Cache, backend: Fake) -> None:
    with pytest.raises(BuildFailed, match=r"took more than 2 s and was stopped"):
        build(model, backend, cache, timeout=2).run()
    assert nothing_left(cache)


@pytest.mark.parametrize("backend", [fake_engines.hang, fake_engines.deaf], ids=lambda b: b.name)
def test_cancelling_ends_it_at_once(model: Path, cache: Cache, backend: Fake) -> None:
    hanging = threading.Event()
    job = build(model, backend, cache, report=lambda p: hanging.set() if p.step == "hanging" else None)
    results: list[object] = []

    def run() -> None:
        try:
            results.append(job.run())
        except EngineError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert hanging.wait(30)
    assert children()
    job.cancel()
    thread.join(10)
    assert isinstance(results[0], Cancelled)
    assert nothing_left(cache)
    with pytest.raises(Cancelled):
        job.run()


def test_a_child_killed_from_outside(model: Path, cache: Cache) -> None:
    def kill(progress: Progress) -> None:
        if progress.step == "hanging":
            for pid in children():
                psutil.Process(pid).kill()

    with pytest.raises(BuildFailed, match="killed"):
        build(model, fake_engines.hang, cache, report=kill).run()
    assert nothing_left(cache)


_PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import fake_engines
from visard.engines.compile.job import CompileJob, Eta
from visard.engines.cache.cache import Cache
from visard.engines.interfaces import Options
print("begun", flush=True)
backend = getattr(fake_engines, sys.argv[4])
tell = lambda p: print(p.step, flush=True)
CompileJob(Path(sys.argv[1]), backend, Options("cuda:0"), cache=Cache(Path(sys.argv[2])), report=tell).run()
print("done", flush=True)
"""


def parent(model: Path, cache: Cache, name: str, *flags: str) -> subprocess.Popen[str]:
    arguments = [str(model), str(cache.folder), str(Path(__file__).parents[1]), name]
    return subprocess.Popen(
        [sys.executable, *flags, "-c", _PARENT, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_a_program_that_runs_isolated_has_isolated_children(model: Path, cache: Cache) -> None:
    with parent(model, cache, "flags", "-I") as process:
        assert process.communicate(timeout=60)[0].endswith("done\n")
    (log_,) = cache.logs.iterdir()
    assert "isolated=1" in log_.read_text()


def test_temporary_files_of_a_child_go_with_it(model: Path, cache: Cache) -> None:
    build(model, fake_engines.flags, cache).run()
    (log_,) = cache.logs.iterdir()
    folder = Path(log_.read_text().split()[-1])
    assert folder.parent == cache.folder
    assert not folder.exists()


@pytest.mark.parametrize("name", ["hang", "deaf"])
def test_a_child_ends_with_its_parent(model: Path, cache: Cache, name: str) -> None:
    with parent(model, cache, name) as process:
        assert any(line == "hanging\n" for line in process.stdout)
        (child,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        assert psutil.wait_procs([child], timeout=10)[1] == []
    assert list(cache.folder.glob(".half*"))  # what it was writing
    build(model, fake_engines.good, cache).run()
    assert not list(cache.folder.glob(".half*"))


def test_two_processes_compile_once(model: Path, cache: Cache, counted) -> None:
    with parent(model, cache, "slow") as one, parent(model, cache, "slow") as two:
        said = [process.communicate(timeout=60)[0] for process in (one, two)]
        assert [one.returncode, two.returncode] == [0, 0]
    assert all(text.endswith("done\n") for text in said)
    assert len(counted()) == 1
    assert sum("waiting for another" in text for text in said) == 1


def test_two_threads_compile_once(model: Path, cache: Cache, counted) -> None:
    entries = []
    threads = [
        threading.Thread(target=lambda: entries.append(build(model, fake_engines.slow, cache).run()))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(entries) == 3
    assert len(counted()) == 1


def test_waiting_can_be_cancelled(model: Path, cache: Cache) -> None:
    with parent(model, cache, "hang") as other:
        try:
            assert any(line == "hanging\n" for line in other.stdout)
            job = build(model, fake_engines.hang, cache, report=lambda _: job.cancel())
            with pytest.raises(Cancelled):
                job.run()
        finally:
            other.kill()


def test_who_waited_for_one_that_died_compiles_itself(model: Path, cache: Cache) -> None:
    with parent(model, cache, "hang") as other:
        assert any(line == "hanging\n" for line in other.stdout)
        waits = threading.Event()

        def waiting(progress: Progress) -> None:
            if "waiting" in progress.step:
                waits.set()
                other.kill()

        with pytest.raises(BuildFailed, match="took more than 1"):
            build(model, fake_engines.hang, cache, report=waiting, timeout=1).run()
        assert waits.is_set()


def test_quick_ones_compile_in_this_process(model: Path, cache: Cache, counted) -> None:
    build(model, Fake("quick", instant=True), cache).run()
    assert counted() == [os.getpid()]


def test_a_large_network_goes_to_a_child_however_quick(
    model: Path, cache: Cache, counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visard.engines.compile.job.SMALL", 10)
    monkeypatch.setattr(fake_engines.good, "instant", True)
    build(model, fake_engines.good, cache).run()
    assert counted() != [os.getpid()]


def test_a_network_without_numbers_is_refused(tmp_path: Path, cache: Cache, counted) -> None:
    from onnx import helper

    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    path = write(tmp_path / "nan.onnx", nodes, {"w": np.float32([np.nan])}, [("x", [1, 4])], [("y", [1, 4])])
    with pytest.raises(NoNumbers, match=r"nan\.onnx: its own results are no numbers"):
        build(path, fake_engines.good, cache).run()
    assert counted() == []


def test_a_precision_that_cannot_be_written_is_refused(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "net.xml"
    path.write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"")
    backend = Fake("quick", instant=True)
    backend.written = frozenset({Precision.bf16})
    with pytest.raises(ModelRefused, match=r"net\.xml is in OpenVINO's own format"):
        CompileJob(path, backend, Options("cuda:0", Precision.bf16), cache=cache).run()


def test_a_folder_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    entry = build(model, fake_engines.good, Cache(tmp_path / "file" / "engines")).run()
    assert entry.path is None
    assert "could not be kept" in entry.warning


def test_logs_are_few_and_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(child_process, "ROOM", 1000)
    for number in range(child_process.KEEP + 5):
        one = child_process.ChildLog(tmp_path / "cache" / "logs", f"a name/with {number}")
        one.take(io.BytesIO(b"line of text\n" * 1000))
        one.close()
        assert one.last == "line of text"
    paths = list((tmp_path / "cache" / "logs").iterdir())
    assert len(paths) == child_process.KEEP
    assert all(path.stat().st_size <= 1100 for path in paths)


def test_the_disk_is_full_for_the_log_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    one = child_process.ChildLog(tmp_path / "cache" / "logs", "x")
    one.close()
    with Path("/dev/full").open("wb", buffering=0) as one._file:
        one.take(io.BytesIO(b"a line\n" * 10))
    assert "No space left" in one.place


def test_time_left_is_steady() -> None:
    now = [0.0]
    pace = Eta(lambda: now[0])
    assert pace.progress().left is None
    lefts = []
    for second in range(1, 100):
        now[0] = second
        pace.move("work", second / 100 + (0.005 if second % 2 else -0.005))
        left = pace.progress().left
        if left is not None and second > 10:
            lefts.append((100 - second, left))
    assert max(abs(left - right) for right, left in lefts) < 8
    now[0] = 200
    assert pace.progress().left == 0
    pace.move("work", 0.1)
    assert pace.progress().done > 0.9


def test_nobody_waits_where_no_lock_can_be_had(
    model: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("filelock.FileLock.acquire", fails)
    assert build(model, Fake("quick", instant=True), cache).run().path
