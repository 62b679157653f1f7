"""What every processor is built from."""

import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from visard.models.processor import Done, FrameWorker, Material, Patch, ProcessorFailed


@pytest.fixture
def patch() -> Patch:
    return Patch.whole(np.zeros((4, 6, 3), np.uint8))


def test_what_material_is_there() -> None:
    photo, model = Path("me.jpg"), Path("Face.DFM")
    assert Material().kinds == frozenset()
    assert Material((photo,)).kinds == {"photo"}
    assert Material(model=model).kinds == {"dfm"}
    assert Material((photo,), model).kinds == {"photo", "dfm"}


def test_a_whole_picture_covers_everything(patch: Patch) -> None:
    assert patch.mask.shape == (4, 6)
    assert patch.mask.min() == 255
    assert np.array_equal(patch.matrix, [[1, 0, 0], [0, 1, 0]])


def test_what_is_done_waits_for_nothing(patch: Patch) -> None:
    assert list(Done((patch,)).result(0)) == [patch]


def test_a_device_that_hangs_is_left_and_may_come_back(patch: Patch) -> None:
    go, worker = Event(), FrameWorker("test")
    hanging = worker.submit(lambda: (go.wait(30), (patch,))[1])
    with pytest.raises(TimeoutError):
        hanging.result(0.01)
    with pytest.raises(ProcessorFailed, match="does not answer"):
        worker.submit(lambda: (patch,))
    go.set()
    assert list(hanging.result(30)) == [patch]
    assert list(worker.submit(lambda: (patch, patch)).result(30)) == [patch, patch]
    worker.close()


def test_a_fault_comes_to_whoever_waits() -> None:
    worker = FrameWorker("test")
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: (1 // 0,)).result(30)  # type: ignore[arg-type, return-value]
    worker.close()


def test_closing_waits_for_the_present_frame_and_is_done_once(patch: Patch) -> None:
    go, order, closed, worker = Event(), list[str](), Event(), FrameWorker("test")

    def make() -> tuple[Patch]:
        go.wait(30)
        order.append("frame")
        return (patch,)

    def after() -> None:
        order.append("closed")
        closed.set()

    worker.submit(make)
    worker.close(after)
    worker.close(after)
    go.set()
    assert closed.wait(30)
    assert order == ["frame", "closed"]
    with pytest.raises(ProcessorFailed, match="closed"):
        worker.submit(lambda: (patch,))


def test_the_program_ends_after_what_is_being_given_back() -> None:
    """A thread that is in a library while the interpreter ends aborts the program when it returns."""
    program = (
        "import time\n"
        "from visard.models.processor import FrameWorker\n"
        "def release():\n"
        "    time.sleep(0.05)\n"
        "    print('given back', flush=True)\n"
        "idle, closed = FrameWorker('idle'), FrameWorker('closed')\n"
        "closed.close(release)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "given back\n"
