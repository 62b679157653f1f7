"""One-Euro smoothing (Casiez, Roussel, Vogel 2012): steady at rest, without lag in motion."""

from dataclasses import dataclass, field

import numpy as np

from visard.models.face import Landmarks


def _weight(cutoff: np.ndarray | float, dt: float) -> np.ndarray | float:
    """Share of the new value in a first-order low pass with ``cutoff`` in Hz after ``dt`` seconds."""
    r = 2 * np.pi * cutoff * dt
    return r / (r + 1)


@dataclass
class OneEuro:
    """Smooths landmarks; speeds are measured in face sizes a second, so distance does not matter."""

    rest_cutoff: float = 2.0
    """Hz at rest: lower is steadier."""
    reaction: float = 120.0
    """Hz more for each face size a second of speed: higher lags less."""
    resting: float = 0.02
    """Face sizes a second below which movement is taken for the network's noise."""
    speed_cutoff: float = 3.0
    """Hz for the speed estimate."""
    _value: Landmarks | None = field(default=None, init=False)
    _speed: Landmarks | None = field(default=None, init=False)
    _time: float = field(default=0.0, init=False)

    def __call__(self, landmarks: Landmarks, now: float, size: float) -> Landmarks:
        """Return the smoothed landmarks; ``size`` is the face's in pixels, ``now`` in seconds."""
        dt = now - self._time
        self._time = now
        if self._value is None or self._speed is None or not 0 < dt < 0.5:
            self._value, self._speed = landmarks, np.zeros_like(landmarks)
            return landmarks
        speed = (landmarks - self._value) / (dt * size)
        self._speed += _weight(self.speed_cutoff, dt) * (speed - self._speed)
        pace = np.linalg.norm(self._speed[:, :2], axis=1, keepdims=True)
        moving = np.maximum(pace - self.resting, 0)
        weight = _weight(self.rest_cutoff + self.reaction * moving, dt)
        self._value = np.asarray(self._value + weight * (landmarks - self._value), np.float32)
        return self._value
