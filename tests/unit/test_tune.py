"""Tuning: its recogniser is the one that ships, its rendering is what the swap does, and who decides."""

from dataclasses import replace

import numpy as np
import pytest
from people import portrait

torch = pytest.importorskip("torch", reason="tuning needs PyTorch: the extra 'train'")

# ruff: noqa: E402 - what follows imports it
from visard.models.five_points import ARCFACE
from visard.models.swap.mesh.correction import FARTHEST, STRONGEST, Correction
from visard.models.swap.mesh.texture import Texture
from visard.models.track.recogniser import Recogniser, align_for_recognition
from visard.models.train.tune import tuner
from visard.models.train.tune.fit import Settings, _Known, fit
from visard.models.train.tune.identity import Identity, cut_out
from visard.models.train.tune.render import Batch, render
from visard.models.train.tune.verdict import Scores, _jitter, judged, mean
from visard.models.train.tune.views import Frame, View, views


def frames() -> list[Frame]:
    """The same picture: the first ones only tell what the driver looks like."""
    return [(portrait("hanna").image, portrait("hanna").face)] * 7


@pytest.fixture(scope="module")
def seen() -> list[View]:
    return list(views(Texture.of(portrait("marco")), frames()))


@pytest.fixture(scope="module")
def found(seen: list[View]) -> Correction:
    return fit([seen], [portrait("marco")], lambda *_: None, Settings(steps=6))


def test_the_recogniser_is_the_one_that_ships() -> None:
    face = portrait("hanna")
    aligned = align_for_recognition(face.image, face.face.landmarks)
    picture = torch.from_numpy(aligned).permute(2, 0, 1)[None] / 255
    ours = Identity()(picture, torch.tensor(ARCFACE, dtype=torch.float32)[None])[0].numpy()
    assert ours @ Recogniser().embed(aligned) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_seen_on_the_way_is_compared_with_the_photos(mirrored: bool) -> None:
    identity, (marco, hanna) = Identity(), (portrait("marco"), portrait("hanna"))
    known = _Known.of(identity, [marco], torch.Generator().manual_seed(0))
    off = []
    for face in (marco, hanna):
        aligned = torch.from_numpy(align_for_recognition(face.image, face.face.landmarks))
        picture = aligned.permute(2, 0, 1)[None] / 255
        maps = identity.seen(picture.flip(3) if mirrored else picture)[1]
        off.append(float(known.features_off(maps, mirrored, torch.ones(1))))
    assert off[0] < 0.1
    assert off[1] > 3 * off[0]


def test_nothing_learned_renders_what_was_there(seen: list[View]) -> None:
    batch = Batch.of(seen[:2])
    pictures, five = render(batch, torch.zeros(468, 3), torch.zeros(48, 48))
    assert torch.allclose(pictures, batch.swapped, atol=2e-3)
    assert torch.equal(five, batch.five)


def test_it_renders_what_the_swap_will_do(seen: list[View], found: Correction) -> None:
    """Nearer to the corrected swap than the swap is without."""
    strong = found.scaled(2)
    corrected = Batch.of(list(views(Texture.of(portrait("marco")).corrected(strong), frames())))
    batch = Batch.of(seen)
    with torch.no_grad():
        told = render(batch, torch.from_numpy(strong.shape), torch.from_numpy(strong.light))
    told, truth, before = (
        cut_out(*each) for each in (told, (corrected.swapped, corrected.five), (batch.swapped, batch.five))
    )
    assert (told - truth).abs().mean() < 0.8 * (before - truth).abs().mean()


def test_a_few_steps_find_more_of_the_persona(seen: list[View], found: Correction) -> None:
    identity, face = Identity(), portrait("marco")
    five = torch.from_numpy(face.face.landmarks[[468, 473, 1, 61, 291], :2])[None]
    batch = Batch.of(seen)
    with torch.no_grad():
        persona = identity(torch.from_numpy(face.image).permute(2, 0, 1)[None] / 255, five)[0]
        before = identity(batch.swapped, batch.five) @ persona
        after = identity(*render(batch, torch.from_numpy(found.shape), torch.from_numpy(found.light)))
    assert float((after @ persona - before).mean()) > 0.02


def test_it_is_bounded_and_leaves_the_light_as_a_whole(found: Correction) -> None:
    assert 0 < np.abs(found.shape).max() <= FARTHEST
    assert 0 < np.abs(found.light).max() <= STRONGEST
    assert abs(found.light.mean()) < 0.01


def test_the_same_is_found_again(seen: list[View]) -> None:
    one, other = (
        fit([seen], [portrait("marco")], lambda *_: None, Settings(steps=2, seed=3)) for _ in range(2)
    )
    assert np.array_equal(one.shape, other.shape)
    assert np.array_equal(one.light, other.light)


def test_what_is_told_gives_it_up(seen: list[View]) -> None:
    def tired(_share: float, _text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit([seen], [portrait("marco")], tired, Settings())


BEFORE = Scores(persona=0.5, driver=0.2, expression=0.9, jitter=-0.1, unsure=0.03, shape=0.01)
BETTER = replace(BEFORE, persona=0.6, driver=0.15)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (BETTER, None),
        (replace(BETTER, persona=0.51), "persona"),
        (replace(BETTER, driver=0.21), "driver"),
        (replace(BETTER, expression=0.88), "expression"),
        (replace(BETTER, jitter=-0.06), None),
        (replace(BETTER, jitter=0), "trembles"),
        (replace(BETTER, shape=0.02), "shape"),
    ],
)
def test_the_trained_recogniser_does_not_decide_alone(after: Scores, why: str | None) -> None:
    refused = judged(BEFORE, after).refused
    assert (refused is None) if why is None else (why in str(refused))


@pytest.mark.parametrize(("drivers", "share"), [(("you",), 1), (("hanna", "nico"), 0.5)])
def test_strangers_get_half_of_what_is_found(
    found: Correction, monkeypatch: pytest.MonkeyPatch, drivers: tuple[str, ...], share: float
) -> None:
    plain = Texture.of(portrait("marco"))
    monkeypatch.setattr(tuner, "Judge", lambda *_: lambda texture, _: BEFORE if texture is plain else BETTER)
    monkeypatch.setattr(tuner, "_picture", lambda *_: np.zeros((1, 1, 3), np.uint8))
    held_out = {name: frames() for name in drivers}
    outcome = tuner._compared([portrait("marco")], plain, found, held_out, lambda *_: None)
    assert outcome.correction is not None
    assert np.array_equal(outcome.correction.shape, found.scaled(share).shape)


def test_jitter_is_what_the_driver_has_not() -> None:
    random, driver = np.random.default_rng(0), portrait("hanna").face
    eyes = float(np.linalg.norm(np.subtract(*driver.landmarks[[468, 473], :2])))
    moved = [replace(driver, raw=None, landmarks=driver.landmarks + 3 * k) for k in range(20)]
    trembling = [
        replace(
            face, landmarks=face.landmarks + 0.01 * eyes * random.standard_normal((478, 3)).astype(np.float32)
        )
        for face in moved
    ]
    still, unsure = _jitter([(face, face) for face in moved])
    assert (still, unsure) == (0, 0)
    more, unsure = _jitter(list(zip(moved, trembling, strict=True)))
    assert more == pytest.approx(1.95, abs=4 * unsure), "the mean size of 1 % of noise, differenced twice"
    assert 0 < unsure < 0.3


def test_several_drivers_are_surer_than_one() -> None:
    assert mean([BEFORE] * 4).unsure == pytest.approx(BEFORE.unsure / 2)
    assert mean([BEFORE] * 4).jitter == pytest.approx(BEFORE.jitter)
