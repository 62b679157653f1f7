"""Which sets of faces can be trained on together. Needs no PyTorch."""

from collections.abc import Sized
from pathlib import Path

from visard.models.train.errors import FacesUnusable
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.options import TrainOptions


def open_sets(src: Path, dst: Path, options: TrainOptions) -> tuple[FaceSet, FaceSet]:
    """Return the persona's faces and the driver's. Raises FacesUnusable and FaceSetError."""
    if src.resolve() == dst.resolve():
        raise FacesUnusable(f"{src} would be the persona and the driver; name the faces of two people")
    sets = FaceSet(src), FaceSet(dst)
    for name, faces in zip(("persona", "driver"), sets, strict=True):
        _check_filled(name, faces)
    check_lengths(*sets, options)
    for faces in sets:
        if faces.face_type != options.face_type:
            raise FacesUnusable(
                f"the faces in {faces.folder} are {faces.face_type}, and this training is of "
                f"{options.face_type}; begin it with --option face_type={faces.face_type}"
            )
    if options.paired and sets[0].names != sets[1].names:
        raise FacesUnusable(
            f"the pictures in {src} and {dst} have other names, so that they are no pairs; make pairs with "
            "'visard train pairs', or take a preset without paired"
        )
    return sets


def check_lengths(src: Sized, dst: Sized, options: TrainOptions) -> None:
    """Raise FacesUnusable for empty sets, and for pairs of which one has none."""
    for name, faces in (("persona", src), ("driver", dst)):
        if not len(faces):
            raise FacesUnusable(f"the set of the {name}'s faces is empty; extract faces first")
    if options.paired and len(src) != len(dst):
        raise FacesUnusable(
            f"paired sets have to be of one length, and are of {len(src)} and {len(dst)} faces; make them "
            "with 'visard train pairs'"
        )


def _check_filled(name: str, faces: FaceSet) -> None:
    if not len(faces):
        first = f" ({faces.notes[0]})" if faces.notes else ""
        raise FacesUnusable(
            f"the set of the {name}'s faces is empty: there is none in {faces.folder}{first}; make a set "
            "with 'visard train extract'"
        )
