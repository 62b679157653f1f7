"""``convert`` and ``animate`` take every processor, enhancer and occluder there is, with small models.

A new one is tested without being told.
"""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import published_models
import pytest
from materials import MADE_WITH_TORCH, MODELS, model
from people import DEMO

from visard.daemon.cli import main
from visard.daemon.media.video import VideoReader
from visard.models.enhancer import enhancers
from visard.models.face import Image
from visard.models.occluder import occluders
from visard.models.processor import animators, find_processor, processors
from visard.models.store import open_store

END = 0.4
"""Seconds of the demo clip: twelve frames."""
COUNT = 12
Convert = Callable[..., list[Image]]


@pytest.fixture(scope="module")
def small_models(models_here: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """There is a small network of every family."""
    folder = tmp_path_factory.mktemp("networks")
    published_models.fill(folder, "inswapper_128")
    files = {name: write(folder / f"{name}.onnx") for write, name in published_models.OCCLUDERS.values()}
    for one in enhancers.all().values():
        smallest = min(one.models, key=lambda each: each.side)
        files[smallest.name] = published_models.enhancer(folder / f"{smallest.name}.onnx", smallest)
    for name, path in files.items():
        open_store().import_(path, name=name, accept_licence=True)


@pytest.fixture
def made(small_models: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Convert:
    """Run a command over the beginning of the demo clip and return the pictures that it made."""

    def run(command: str, *arguments: str) -> list[Image]:
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.mp4"
        first = arguments[:1] if command == "animate" else ()
        with pytest.raises(SystemExit) as left:
            main([command, *first, str(DEMO), str(out), *arguments[len(first) :], f"--end={END}", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert left.value.code == 0, told
        assert (told["frames"], told["passed"], told["complete"]) == (COUNT, COUNT, True)
        with VideoReader(out) as reader:
            return [image for image, _ in reader]

    return run


@pytest.fixture(scope="module")
def original() -> list[Image]:
    with VideoReader(DEMO) as reader:
        return [image for (image, _), _ in zip(reader, range(COUNT), strict=False)]


def apart(ours: list[Image], theirs: list[Image]) -> float:
    """Return the largest mean difference of two pictures, grey levels."""
    assert len(ours) == len(theirs) == COUNT
    return max(float(np.abs(one.astype(int) - other).mean()) for one, other in zip(ours, theirs, strict=True))


def persona(name: str) -> str:
    """Return what a processor can put on."""
    if name in MADE_WITH_TORCH and find_spec("torch") is None:
        pytest.skip("its model is written for engines with PyTorch: the extra 'export'")
    kinds = sorted(find_processor(name).accepts & MODELS.keys())
    return "walter" if "photo" in find_processor(name).accepts else str(model(kinds[0]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(processors()))
def test_convert_takes_every_processor(made: Convert, original: list[Image], name: str) -> None:
    pictures = made("convert", "--persona", persona(name), "--processor", name)
    if find_processor(name).kind == "swap":
        assert 0.2 < apart(pictures, original) < 60, "the face is another, the room is the same"
    else:
        assert pictures[0].shape == (512, 512, 3), "the portrait's size"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(animators.all()))
def test_animate_is_convert_with_a_portrait_and_its_own_options(made: Convert, name: str) -> None:
    chosen = persona(name)
    pictures = made("animate", chosen, "--animator", name)
    same = made("convert", "--persona", chosen, "--mode", "animate", "--processor", name)
    most = 5 if name in MADE_WITH_TORCH else 0  # an engine that takes over amid a film rounds anew
    assert apart(pictures, same) <= most
    if "motion" in find_processor(name).Options.model_fields:
        absolute = made("animate", chosen, "--animator", name, "--option", "motion=absolute")
        assert apart(absolute, pictures) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(enhancers.all()))
def test_every_enhancer_is_seen_in_a_film(made: Convert, name: str) -> None:
    plain = made("convert", "--persona", "walter", "--processor", "mesh")
    better = made("convert", "--persona", "walter", "--processor", "mesh", "--enhancer", name)
    assert np.mean(better) > np.mean(plain) + 0.5, "the small network makes faces lighter"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["none", *sorted(occluders.all())])
def test_every_occluder_goes_over_a_film(made: Convert, original: list[Image], name: str) -> None:
    assert apart(made("convert", "--persona", "walter", "--occluder", name), original) > 0.2
