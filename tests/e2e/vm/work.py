"""Host and guest: what a daemon does between its start and its first picture with another face.

How long this takes in each of the two tells how many times slower the guest is.
"""

from visard.daemon.config.settings import Mode
from visard.daemon.media.letterbox import letterbox
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.daemon.sources import find_source
from visard.models.track.tracker import Tracker

prepared = prepare(Library().get("clara"), Mode.swap).prepared
source = find_source("demo").open("demo")
picture = letterbox(source.read(), 320, 180)
(face,) = Tracker(4, threads=2).update(picture, 0.0).faces
list(prepared.submit(picture, (face,)).result(600))
source.close()
