"""Animator ``puppet``: a portrait as a bent sheet in front of its background."""

from visard.models.animate.puppet.animator import processor as processor
