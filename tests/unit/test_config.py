"""What is remembered: strict about what it takes, kind about saying so, whole at every moment."""

import os
import random
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visard.daemon.config.file import Config, ConfigFile
from visard.daemon.config.settings import WhenLost, Who
from visard.daemon.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config/config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_no_file_is_the_defaults_and_none_is_made(path: Path) -> None:
    assert ConfigFile(path).config == Config()
    assert not path.exists()


def test_a_change_is_there_after_a_restart(path: Path) -> None:
    changed = ConfigFile(path).change({"opacity": 0.9, "persona": "nico", "fps": 25.0, "colour": "none"})
    assert ConfigFile(path).config == changed
    assert tomllib.loads(path.read_text()) == {"opacity": 0.9, "persona": "nico", "fps": 25, "colour": "none"}
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


def test_none_takes_a_field_back_and_out_of_the_file(path: Path) -> None:
    file = ConfigFile(path)
    file.change({"mirror": True, "zoom": 2})
    assert file.change({"mirror": None, "pan_x": None}).mirror is False
    assert tomllib.loads(path.read_text()) == {"zoom": 2}


def test_what_people_wrote_stays(path: Path) -> None:
    text = "# mine\nopacity = 0.9  # soft\n\nmirror = true\n"
    ConfigFile(written(path, text)).change({"zoom": 2})
    assert path.read_text() == text + "zoom = 2.0\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("opacty = 1", "'opacty'; did you mean opacity?"),
        ("[camera]\nname = 1", "camera: Input should be a valid string"),
        ("opacity = 7", "opacity: Input should be less than or equal to 1, not 7"),
        ('opacity = "1"', "opacity: Input should be a valid number"),
        ("mirror = 1", "mirror: Input should be a valid boolean"),
        ("width = 1281", "multiple of 2"),
        ("opacity", "is not TOML"),
        ("opacity = 1\nopacity = 1", "is not TOML"),
        ("opacity = 2020-01-01", "opacity: Input should be a valid number"),
        ("zoom = nan", "zoom"),
        ("qqqqqqqqqqqq = 1", "there are: opacity"),
    ],
)
def test_a_wrong_file_is_one_error_that_names_it(path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ConfigFile(written(path, text))
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_one_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        ConfigFile(path)


@pytest.mark.parametrize("changes", [{"opacity": 2}, {"mirror": True, "nothing": 1}, {"nothing": None}])
def test_a_refused_change_changes_nothing(path: Path, changes: dict[str, Any]) -> None:
    file = ConfigFile(written(path, "zoom = 2\n"))
    with pytest.raises(ConfigError):
        file.change(changes)
    assert (file.config, path.read_text()) == (Config(zoom=2), "zoom = 2\n")


TEXT = st.text(max_size=40)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.lists(TEXT), st.dictionaries(TEXT, TEXT)
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(list(Config.model_fields)), VALUES, max_size=4))
def test_whatever_is_asked_the_file_can_be_read_again(path: Path, changes: dict[str, Any]) -> None:
    file = ConfigFile(path)
    before = file.config
    try:
        after = file.change(changes)
    except ConfigError:
        after = before
    assert ConfigFile(path).config == file.config == after


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = written(tmp_path / "dotfiles/visard.toml", "zoom = 2\n")
    path.parent.mkdir()
    path.symlink_to(real)
    ConfigFile(path).change({"zoom": 3})
    assert path.is_symlink()
    assert real.read_text() == "zoom = 3.0\n"


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_a_folder_that_cannot_be_written_is_one_error_and_the_old_values_stay(path: Path) -> None:
    written(path, "zoom = 2\n")
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from visard.daemon.config.file import ConfigFile\n"
        "from visard.daemon.errors import ConfigError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "file = ConfigFile(Path(sys.argv[1]))\n"
        "try: file.change({'zoom': 3})\n"
        "except ConfigError as error: print(error)\n"
        "print(file.config.zoom)\n"
    )
    with readable_by_everybody(path):
        path.parent.chmod(0o555)
        command = [sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "cannot be written (Permission denied); nothing was changed" in done.stdout
    assert done.stdout.endswith("\n2.0\n")


@contextmanager
def readable_by_everybody(path: Path) -> Iterator[None]:
    """Open the way to a file for other users, too."""
    way = [place for place in list(path.parents)[:-2] if place.stat().st_uid == os.getuid()]
    before = [place.stat().st_mode for place in way]
    path.chmod(0o644)
    for place, mode in zip(way, before, strict=True):
        place.chmod(mode | 0o055)
    try:
        yield
    finally:
        for place, mode in zip(way, before, strict=True):
            place.chmod(mode)


WRITER = """
import sys
from pathlib import Path
from visard.daemon.config.file import ConfigFile
file = ConfigFile(Path(sys.argv[1]))
number = int(sys.argv[2])
print("go", flush=True)
while True:
    number += 1
    file.change({"persona": f"p{number}", "camera": str(number) * 50})
    print(number, flush=True)
"""


@pytest.mark.slow
def test_killed_while_writing_the_file_is_always_whole(path: Path) -> None:
    chance = random.Random(1)
    last = 0
    for _ in range(60):
        last = killed_amid(path, last, chance.uniform(0, 0.03))
    assert last > 60


def killed_amid(path: Path, last: int, seconds: float) -> int:
    """Let a process write number after number, kill it, and return the number that the file holds then."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(last)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "go\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().split()]
    config = ConfigFile(path).config
    held = int((config.persona or f"p{last}")[1:])
    assert config.camera == (str(held) * 50 if config.persona else "auto")
    # What was said to be written is there; what was being written may be.
    assert held - (told[-1] if told else last) in (0, 1)
    return held


def test_what_holds_until_somebody_changes_it() -> None:
    """The camera is off while nobody watches, and nothing is hidden, mirrored or mixed unasked."""
    config = Config()
    assert (config.width, config.height, config.fps) == (1280, 720, 30)
    assert (config.camera, config.output, config.persona) == ("auto", "camera", None)
    assert (config.paused, config.always_on, config.notifications) == (False, False, True)
    assert (config.crossfade, config.who, config.when_lost) == (0.0, Who.all, WhenLost.blur)
    assert (config.opacity, config.mirror, config.keep_mouth, config.landmarks) == (1.0, False, False, False)


@pytest.mark.skipif(os.name != "posix", reason="only there a folder can be synchronised")
def test_a_power_cut_finds_the_old_file_or_the_new_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content reaches the disk before the name does, and the name before anybody is told that it is done."""
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        sync(handle)

    def replaced(self: Path, target: Path) -> Path:
        assert self.read_text() == "zoom = 3.0\n"
        steps.append("replace")
        return rename(self, target)

    written(path, "zoom = 2\n")
    file = ConfigFile(path)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replaced)
    file.change({"zoom": 3.0})
    assert steps == ["config.new", "replace", path.parent.name]
