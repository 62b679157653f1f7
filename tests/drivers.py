"""Drivers made of numbers: a face that does exactly what a test asks for."""

import cv2
import numpy as np

from visard.models.animate.puppet.eyeballs import EYES
from visard.models.blendshapes import NAMES
from visard.models.face import Face
from visard.models.geometry.expression import displacement, neutral
from visard.models.geometry.pose import Pose
from visard.models.processor import Animation


def calibrate(animation: Animation, driver: Face) -> None:
    """Take this driver as the neutral reference."""
    animation.calibrate()
    for _ in animation.submit(np.zeros((480, 640, 3), np.uint8), (driver,)).result(10):
        pass


class Driver:
    """Someone with the neutral shape of ``face``, seen by a webcam."""

    def __init__(self, face, scale=12.0, place=(320, 240)):
        self.shape = neutral(face)
        self.scale = scale
        self.place = np.array([*place, 0], np.float32)

    def does(
        self, yaw=0.0, pitch=0.0, roll=0.0, shift=(0, 0), nearer=1.0, blink=0.0, look=(0, 0), **coefficients
    ):
        """Degrees, pixels, a share of the lids' gap, centimetres of the iris, and blendshapes by name."""
        values = np.array([coefficients.pop(name, 0.0) for name in NAMES], np.float32)
        assert not coefficients, f"no such coefficients: {list(coefficients)}"
        points = self.shape + displacement(values)
        points[468:, :2] += np.array(look, np.float32)
        for eye in EYES:
            points[eye.upper] += blink * (points[eye.lower] - points[eye.upper])
        turn = np.eye(3)
        for axis, degrees in ((2, roll), (1, -yaw), (0, -pitch)):
            vector = np.zeros(3)
            vector[axis] = np.radians(degrees)
            turn = turn @ cv2.Rodrigues(vector)[0]
        place = self.place + np.array([*shift, 0], np.float32)
        return Face(1, Pose(self.scale * nearer, turn.astype(np.float32), place).picture(points), values)
