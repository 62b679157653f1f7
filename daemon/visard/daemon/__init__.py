"""The running system: frames in, pipeline, guard, frames out."""

import os

# Cameras send pictures that say themselves how large they are. OpenCV takes its limit when it is loaded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "40000000")
