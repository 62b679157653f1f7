"""Samples of faces: what is changed at random, and that it follows from seed, step and place alone."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")

from generated_faces import AlignedFace, GeneratedFaces  # noqa: E402
from training import faces, tiny  # noqa: E402

from visard.models.train import augment  # noqa: E402
from visard.models.train.colour_transfer import transfer  # noqa: E402
from visard.models.train.dataset import Batches  # noqa: E402
from visard.models.train.errors import FacesUnusable  # noqa: E402
from visard.models.train.options import ColourTransferMode  # noqa: E402

MODES = [mode for mode in ColourTransferMode if mode is not ColourTransferMode.none]


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("archi", ["df-ud", "amp"])
def test_a_batch_follows_from_seed_and_step(archi: str) -> None:
    how = {"archi": archi, "random_hsv_power": 0.2, "ct_mode": "sot", "random_src_flip": True}
    batches = Batches(*faces(), tiny(**how))
    again = pickle.loads(pickle.dumps(Batches(*faces(), tiny(**how))))
    assert same(batches[5], again[5])
    assert not same(batches[5], batches[6])
    assert not same(batches[5], Batches(*faces(), tiny(**how, seed=1))[5])


def test_devices_share_what_one_would_have() -> None:
    whole = Batches(*faces(), tiny(batch_size=4))[3]
    parts = [Batches(*faces(), tiny(), rank, 2)[3] for rank in range(2)]
    joined = {name: torch.cat([part[name] for part in parts]) for name in whole}
    assert same(whole, joined)
    assert same(whole, Batches(*faces(), tiny(batch_size=1, accumulation=4))[3])


def test_all_faces_come_as_often() -> None:
    batches = Batches(*faces(6), tiny(batch_size=3))
    for epoch in range(3):
        seen = [batches._chosen("src", step, slot) for step in (0, 1) for slot in range(3)]
        assert sorted(seen) == list(range(6)), epoch
    assert [batches._chosen("src", 0, slot) for slot in range(3)] != [
        batches._chosen("src", 2, slot) for slot in range(3)
    ]


def test_profiles_come_as_often_as_frontal_faces() -> None:
    class Turned(GeneratedFaces):
        def face(self, index: int) -> AlignedFace:
            picture, mask, points = super().face(index)
            points = points.copy()
            points[30, 0] += 12 if index == 0 else 0
            return AlignedFace(picture, mask, points)

    batches = Batches(Turned(12, side=64), GeneratedFaces(12, side=64), tiny(uniform_yaw=True))
    chosen = [batches._chosen("src", step, 0) for step in range(200)]
    assert 60 < chosen.count(0) < 140
    assert len(set(chosen)) == 12


def test_what_the_network_sees_is_warped_and_what_it_makes_is_not() -> None:
    sample = Batches(*faces(), tiny())[0]
    assert not torch.equal(sample["src_warped"], sample["src"])
    plain = Batches(*faces(), tiny(random_warp=False))[0]
    assert torch.equal(plain["src_warped"], plain["src"])
    assert torch.equal(plain["src"], sample["src"])
    for name in ("src", "src_mask", "src_features"):
        assert 0 <= sample[name].min() <= sample[name].max() <= 1
    assert 0.2 < sample["src_mask"].mean() < 0.5
    inside = sample["src_features"] * sample["src_mask"]
    assert inside.sum() > 0.9 * sample["src_features"].sum()


def test_pairs_stay_pairs() -> None:
    same_faces = GeneratedFaces(6, seed=1, side=64)
    sample = Batches(same_faces, same_faces, tiny(paired=True))[2]
    assert torch.equal(sample["src"], sample["dst"])
    assert torch.equal(sample["src_warped"], sample["dst_warped"])
    with pytest.raises(FacesUnusable, match="6 and 5"):
        Batches(same_faces, GeneratedFaces(5), tiny(paired=True))


def test_no_faces() -> None:
    with pytest.raises(FacesUnusable, match="driver"):
        Batches(GeneratedFaces(3), GeneratedFaces(0), tiny())


def test_a_mirrored_face_is_in_its_place() -> None:
    picture = GeneratedFaces(1, side=64).face(0).picture.astype(np.float32) / 255
    for seed in range(20):
        one, other = (
            augment.place(np.random.default_rng(seed), 64, 64, warp=False, flip=flip)
            for flip in (False, True)
        )
        if not np.allclose(one.matrix, other.matrix):
            mirrored = augment.moved(picture[:, ::-1].copy(), one, 64)
            assert np.abs(mirrored - augment.moved(picture, other, 64)).max() < 0.02
            return
    pytest.fail("no face was mirrored in twenty")


def test_surroundings_are_smeared_and_the_face_is_not() -> None:
    face = GeneratedFaces(1, side=64).face(0)
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    mask = face.mask.astype(np.float32) / 255
    made = augment.blur_outside(noise, mask)
    assert np.abs(made - noise)[mask == 1].max() < 1e-6
    assert made[mask == 0].std() < 0.7 * noise[mask == 0].std()


@pytest.mark.parametrize("mode", MODES)
def test_colours_are_taken_over(mode: ColourTransferMode) -> None:
    generator = np.random.default_rng(0)
    ours = (generator.random((48, 48, 3)) * 0.3 + 0.1).astype(np.float32)
    theirs = (generator.random((40, 40, 3)) * (0.2, 0.4, 0.1) + (0.6, 0.3, 0.5)).astype(np.float32)
    made = transfer(mode, ours, theirs, generator)
    before = np.abs(ours.mean((0, 1)) - theirs.mean((0, 1))).max()
    after = np.abs(made.mean((0, 1)) - theirs.mean((0, 1))).max()
    assert made.dtype == np.float32
    assert after < 0.15 * before
    if mode in (ColourTransferMode.lct, ColourTransferMode.mkl, ColourTransferMode.idt):
        assert np.abs(made.std((0, 1)) - theirs.std((0, 1))).max() < 0.03


def test_a_picture_that_shrinks_is_averaged_and_stays_in_its_place() -> None:
    placement = augment.place(np.random.default_rng(3), 256, 96, warp=False, flip=False)
    stripes = np.tile(np.float32([0, 1]), (256, 128))
    assert np.abs(augment.moved(stripes, placement, 96)[24:72, 24:72] - 0.5).max() < 0.2
    y, x = np.mgrid[:256, :256].astype(np.float32)
    ramp = np.dstack([x, y, x])
    made = augment.moved(ramp, placement, 96)[24:72, 24:72]
    inside = np.mgrid[24:72, 24:72][::-1].reshape(2, -1)
    source = np.linalg.inv(np.vstack([placement.matrix, [0, 0, 1]]))[:2] @ np.vstack(
        [inside, np.ones(48 * 48)]
    )
    assert np.abs(made.reshape(-1, 3)[:, :2] - source.T).max() < 0.3
