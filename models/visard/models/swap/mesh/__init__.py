"""Swapper ``mesh``: the persona's face texture on the driver's landmark mesh."""

from visard.models.swap.mesh.swapper import processor as processor
