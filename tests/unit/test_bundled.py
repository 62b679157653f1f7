"""Opening networks we ship."""

from visard.engines import Precision
from visard.models.bundled import network, shipped


def test_all_that_is_shipped_has_a_name() -> None:
    found = shipped()
    assert {"mp_face_detector_short", "mp_face_landmarks_v2_478", "mp_face_blendshapes_52"} <= set(found)
    assert all(path.is_file() for path in found.values())


def test_they_run_in_fp32_whatever_this_machine_is_fastest_with() -> None:
    assert network("mp_face_blendshapes_52").precision is Precision.fp32
