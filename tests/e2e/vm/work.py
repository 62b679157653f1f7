"""Host and guest: what a daemon does between its start and its first picture with another face.

How long this takes in each of the two tells how many times slower the guest is.
"""

from visard.daemon.media.letterbox import letterbox
from visard.daemon.personas.prepare import prepare
from visard.daemon.sources import find_source
from visard.models.track.tracker import Tracker

recipe = prepare("clara")
source = find_source("demo").open("demo")
picture = letterbox(source.read(), 320, 180)
(face,) = Tracker(4, threads=2).update(picture, 0.0).faces
assert recipe.swap is not None
recipe.swap(picture, face)
source.close()
