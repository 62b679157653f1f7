"""What can be asked of a training, and what cannot change any more."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visard.models.train.errors import OptionsRefused
from visard.models.train.options import TrainOptions, change, fixed, make_options, parse_archi
from visard.models.train.presets import CLASSIC, PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str) -> None:
    assert preset(name, {}).target_iter > 0
    assert preset(name, {"batch_size": 3}).batch_size == 3


def test_a_distilled_model_can_go_on_with_other_faces() -> None:
    assert not change(preset("distilled", {}), **CLASSIC).paired


def test_no_such_preset() -> None:
    with pytest.raises(OptionsRefused, match="there is no preset 'slow'; there are quick, "):
        preset("slow", {})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"archi": "df-x"}, "archi 'df-x' is none of"),
        ({"archi": "df-uu"}, "archi 'df-uu' is none of"),
        ({"archi": "amp-u"}, "archi 'amp-u' is none of"),
        ({"archi": "liae-ud", "resolution": 80}, "multiple of 32"),
        ({"resolution": 48}, "resolution: "),
        ({"archi": "liae", "true_face_power": 0.1}, "true_face_power is for archi df"),
        ({"archi": "amp", "paired": True}, "paired is for"),
        ({"face_style_power": 1, "archi": "df", "paired": True}, "paired is for"),
        ({"lr": 0}, "lr: "),
        ({"learning_rate": 1}, "learning_rate: "),
        ({"ct_mode": "magic"}, "ct_mode: "),
    ],
)
def test_what_cannot_be(values: dict[str, object], said: str) -> None:
    with pytest.raises(OptionsRefused, match=said):
        make_options(values)


def test_flags() -> None:
    assert parse_archi("liae-udt") == ("liae", {"u", "d", "t"})
    assert parse_archi("amp") == ("amp", set())


@pytest.mark.parametrize("name", fixed())
def test_what_cannot_change(name: str) -> None:
    before = make_options({"resolution": 128})
    others = {"archi": "df", "face_type": "head", "resolution": 256, "adabelief": False}
    value = others.get(name, 32)
    with pytest.raises(OptionsRefused, match=rf"^{name} is .* in this training and cannot become .*, as "):
        change(before, **{name: value})


def test_what_can_change() -> None:
    after = change(make_options({}), gan_power=0.1, random_warp=False, lr=1e-5, batch_size=4)
    assert (after.gan_power, after.random_warp, after.lr, after.batch_size) == (0.1, False, 1e-5, 4)


def test_options_need_no_torch() -> None:
    code = "import sys, visard.models.train.presets; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_documentation_lists_every_option_and_preset(repository: Path) -> None:
    lines = set((repository / "docs" / "training.md").read_text(encoding="utf-8").splitlines())
    assert set(_rows()) - lines == set()


def _rows() -> Iterator[str]:
    words = {"None": "none", "True": "on", "False": "off"}
    for name, field in TrainOptions.model_fields.items():
        mark, default = r" \*" if name in fixed() else "", str(field.default)
        yield f"| `{name}`{mark} | {words.get(default, default)} | {field.description} |"
    for name in PRESETS:
        made = preset(name, {})
        dims = f"{made.ae_dims}, {made.e_dims}, {made.d_dims}"
        yield f"| `{name}` | {made.archi} | {made.resolution} | {dims} | {made.target_iter:,} |"
