"""Make the demo driver: python packaging/make_demo_clip.py PICTURE OUT.mp4

A portrait is put before a wide, blurred background, as a webcam would see it, and our own animator moves it
by a script: talking, blinking, looking around, turning the head, smiling. The clip loops without a seam, and
the same picture always gives the same clip. The one we ship:

    python packaging/make_demo_clip.py daemon/visard/daemon/personas/shipped/robin/picture.jpg \
        daemon/visard/daemon/sources/demo.mp4
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from visard.models.animate.puppet.animator import PuppetAnimation
from visard.models.animate.puppet.eyeballs import EYES
from visard.models.animate.puppet.matte import fill
from visard.models.animate.puppet.matte import person as opacity
from visard.models.blendshapes import NAMES
from visard.models.face import Face, Image
from visard.models.geometry.expression import displacement, neutral
from visard.models.geometry.pose import Pose, fit_pose
from visard.models.portrait import Portrait, examine

Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT, FPS, SECONDS = 854, 480, 30, 8
PICTURE = 480
"""Pixels that the square picture takes of the height; its lower edge is the frame's."""


@dataclass
class Moment:
    """What the person does at one time: degrees, centimetres and coefficients."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    look: tuple[float, float] = (0.0, 0.0)
    blink: float = 0.0
    coefficients: dict[str, float] = field(default_factory=dict)


def wave(time: float, turns: int, phase: float = 0.0) -> float:
    """A sine with ``turns`` whole periods in the loop, so that its end meets its beginning."""
    return float(np.sin(2 * np.pi * (turns * time / SECONDS + phase)))


def bump(time: float, begin: float, end: float, ease: float = 0.3) -> float:
    """1 between two times and 0 elsewhere, with soft flanks."""
    x = np.clip(min(time - begin, end - time) / ease, 0, 1)
    return float(x * x * (3 - 2 * x))


def script(time: float) -> Moment:
    """The play, in seconds."""
    talk = bump(time, 0.5, 2.9) + bump(time, 4.9, 6.6)
    smile = bump(time, 3.0, 4.7, 0.5) + 0.8 * bump(time, 6.6, 7.8, 0.4)
    brows = bump(time, 1.2, 2.0) + 0.8 * bump(time, 5.3, 6.0)
    aside = bump(time, 3.1, 4.1, 0.35) - bump(time, 5.6, 6.4, 0.35)
    jaw = talk * max(0.0, 0.22 + 0.2 * wave(time, 29) + 0.14 * wave(time, 18, 0.3))
    round_lips = talk * max(0.0, 0.35 * wave(time, 13, 0.1) + 0.1)
    blink = max(bump(time, at, at + 0.24, 0.1) for at in (0.3, 2.3, 4.5, 6.9))
    return Moment(
        yaw=13 * wave(time, 1, 0.08) + 6 * wave(time, 3) * (0.3 + talk),
        pitch=2.5 * wave(time, 2, 0.2) + 2.0 * talk * wave(time, 7),
        roll=3.0 * wave(time, 1, 0.4) + 1.2 * wave(time, 4),
        shift=(0.5 * wave(time, 1), 0.25 * wave(time, 2)),
        look=(0.33 * aside, 0.05 * wave(time, 3)),
        blink=blink,
        coefficients={
            "jawOpen": jaw,
            "mouthPucker": round_lips,
            "mouthFunnel": 0.5 * round_lips,
            "mouthSmileLeft": 0.75 * smile,
            "mouthSmileRight": 0.7 * smile,
            "mouthUpperUpLeft": 0.25 * smile + 0.15 * jaw,
            "mouthUpperUpRight": 0.25 * smile + 0.15 * jaw,
            "mouthLowerDownLeft": 0.5 * jaw,
            "mouthLowerDownRight": 0.5 * jaw,
            "browInnerUp": 0.9 * brows,
            "browOuterUpLeft": 0.7 * brows,
            "browOuterUpRight": 0.7 * brows,
        },
    )


def act(moment: Moment, shape: Floats, still: Pose) -> Face:
    """The face of a driver who does that; ``shape`` is the neutral one in upright centimetres."""
    coefficients = np.array([moment.coefficients.get(name, 0.0) for name in NAMES], np.float32)
    points = shape + displacement(coefficients)
    points[468:, :2] += np.array(moment.look, np.float32)
    for eye in EYES:
        points[eye.upper] += moment.blink * (points[eye.lower] - points[eye.upper])
    pitch, yaw, roll = (np.radians(a) for a in (-moment.pitch, -moment.yaw, moment.roll))
    turn = cv2.Rodrigues(np.array([0, 0, roll]))[0] @ cv2.Rodrigues(np.array([0, yaw, 0]))[0]
    turn = turn @ cv2.Rodrigues(np.array([pitch, 0, 0]))[0]
    shift = still.shift + still.scale * np.array([*moment.shift, 0])
    pose = Pose(still.scale, turn.astype(np.float32), shift.astype(np.float32))
    return Face(1, pose.picture(points), coefficients)


def webcam_view(portrait: Portrait) -> Image:
    """The person at the lower edge of a wide frame, before their own background, continued and blurred."""
    size = (PICTURE, PICTURE)
    left, top = (WIDTH - PICTURE) // 2, HEIGHT - PICTURE
    square = cv2.resize(portrait.image, size, interpolation=cv2.INTER_AREA)
    person = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    person[top:, left : left + PICTURE, 0] = cv2.resize(opacity(portrait.image, portrait.face), size)
    frame, known = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    frame[top:, left : left + PICTURE] = square
    known[top + 2 :, left + 2 : left + PICTURE - 2] = 1
    beyond = np.asarray(cv2.dilate(person, np.ones((15, 15), np.uint8)), np.float32)
    wall = cv2.GaussianBlur(fill(frame, known * (beyond < 0.02)), (0, 0), 25)
    return np.asarray(np.round(wall + (frame - wall) * person), np.uint8)


def frames(picture: Path) -> Iterator[Image]:
    """Every frame of the clip."""
    portrait = examine(webcam_view(examine(picture)))
    shape = neutral(portrait.face)
    still = fit_pose(portrait.face.landmarks)
    animation = PuppetAnimation(portrait)
    for _ in range(2):  # the first frame is one that nobody chose: its reference would settle
        animation.calibrate()
        animation.submit(portrait.image, (act(Moment(), shape, still),))
    for index in range(FPS * SECONDS):
        yield animation(act(script(index / FPS), shape, still))


def write(pictures: Iterator[Image], out: Path) -> None:
    """Encode as H.264, whole or not at all."""
    part = out.with_name(out.stem + ".part.mp4")
    with av.open(str(part), "w") as file:
        stream = file.add_stream("libx264", rate=FPS, options={"crf": "21", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.thread_count = 1  # the same bytes every time
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        file.mux(stream.encode())
    part.replace(out)


def main() -> None:
    """Make the clip."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(frames(Path(sys.argv[1])), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
