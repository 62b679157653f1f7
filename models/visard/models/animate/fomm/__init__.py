"""Animator ``fomm``: a portrait moved by the First Order Motion Model, as Avatarify does."""

from visard.models.animate.fomm.animator import processor as processor
