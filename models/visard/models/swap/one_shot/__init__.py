"""Swapper ``one_shot``: networks that need photos of a person and no training, as others publish them."""

from visard.models.swap.one_shot.swapper import processor as processor
