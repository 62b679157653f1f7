"""Sets of options to begin with."""

from collections.abc import Mapping
from typing import Any

from visard.models.train.errors import OptionsRefused
from visard.models.train.options import TrainOptions, make_options

_SMALL = {"ae_dims": 128, "e_dims": 32, "d_dims": 32, "d_mask_dims": 16}
_DISTILLED = {
    "archi": "df-ud", "ae_dims": 128, "e_dims": 32, "d_dims": 16, "d_mask_dims": 8, "paired": True,
    "random_warp": False, "random_dst_flip": False, "batch_size": 4, "lr": 1e-3, "lr_by_width": True,
    "lr_decay": 0.5, "ema_decay": 0.99,
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"archi": "df-ud", "resolution": 96, **_SMALL, "lr": 2e-4, "target_iter": 10_000},
    "df-128": {"archi": "df-ud", "resolution": 128},
    "liae-ud-128": {"archi": "liae-ud", "resolution": 128},
    "liae-ud-224": {"archi": "liae-ud", "resolution": 224, "d_mask_dims": 32, "target_iter": 300_000},
    "liae-udt-224": {
        "archi": "liae-udt", "resolution": 224, "ae_dims": 512, "d_mask_dims": 32, "target_iter": 500_000,
    },
    "amp-224": {"archi": "amp", "resolution": 224, "eyes_mouth_prio": True, "target_iter": 500_000},
    "distilled": {**_DISTILLED, "resolution": 128, "target_iter": 4_000},
    "distilled-96": {**_DISTILLED, "resolution": 96, "face_type": "full", "target_iter": 2_000},
}  # fmt: skip
CLASSIC: Mapping[str, Any] = {
    "paired": False, "random_warp": True, "random_dst_flip": True, "lr": 5e-5, "lr_by_width": False,
    "lr_decay": 0, "ema_decay": 0.999,
}  # fmt: skip
"""What lets a distilled model go on with two sets that are no pairs."""


def preset(name: str, changes: Mapping[str, Any]) -> TrainOptions:
    """Return a preset's options with changes. Raises OptionsRefused."""
    if name not in PRESETS:
        raise OptionsRefused(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return make_options({**PRESETS[name], **changes})
