"""Animator ``liveportrait``: a portrait moved by LivePortrait, with eyes and lips."""

from visard.models.animate.liveportrait.animator import processor as processor
