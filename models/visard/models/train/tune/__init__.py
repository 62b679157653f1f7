"""Tunes a persona: finds the correction of its mesh swap with which recognisers see it on other heads.

``views`` records swapped frames, ``render`` changes them as a correction would, ``fit`` searches for one by
an identity loss, and ``verdict`` accepts it or not, on frames that were not fitted, swapped in earnest.
"""
