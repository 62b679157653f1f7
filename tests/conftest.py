"""What every test may ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from leftovers import remember_threads

pytest_plugins = ["media", "deb", "daemons"]

# Started with '&' tests have Ctrl-C ignored, under nohup a closed terminal, and so do their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

FAKES = frozenset({"fakes", "fake_pictures", "fake_processor", "fake_service"})
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all that boots the one virtual machine to one worker, first: two would wait for each other."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "vm" if file.endswith("_vm.py") else file

        def _assign_work_unit(self, node: Any) -> None:
            if "vm" in self.workqueue:  # it takes the longest
                self.workqueue.move_to_end("vm", last=False)
            super()._assign_work_unit(node)

    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes half an hour unless it is asked for."""
    if "full_size" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("full_size"):
                item.add_marker(pytest.mark.skip(reason="as large as the published: pytest -m full_size"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The clips, faces and judges that lie beside the checkout on development machines."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the test material in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled engines go into a folder of the session, not into that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        if "VISARD_HOME" not in os.environ:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _earlier_threads() -> None:
    """Threads of earlier tests are not taken for this one's."""
    remember_threads()


@pytest.fixture(autouse=True)
def _no_other_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that earlier tests still hold do not show in the status of a daemon."""
    from visard.engines.runtime import managed

    monkeypatch.setattr(managed, "_all", WeakSet())


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are all equally fast, so that which one serves does not hang on how busy the machine is."""
    from visard.engines.runtime import speed

    monkeypatch.setattr(speed, "measure", lambda engines, *_, **__: [1.0] * len(engines))


@pytest.fixture(autouse=True)
def _nothing_in_front_of_fakes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake faces are no pictures of faces, so that a network would find all of them hidden."""
    if not {getattr(value, "__module__", "") for value in vars(request.module).values()} & FAKES:
        return
    from visard.daemon.pipeline.occlude import OcclusionStep

    monkeypatch.setattr(OcclusionStep, "__call__", lambda _step, _image, faces, _occluder: tuple(faces))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that Visard takes for the user's own data and cache."""
    folder = tmp_path / "home"
    monkeypatch.setenv("VISARD_HOME", str(folder))
    return folder
