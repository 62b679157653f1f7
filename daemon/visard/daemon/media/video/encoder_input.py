"""Pictures as encoders take them."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from visard.daemon.media.video.frame_image import BT709, usual_matrix
from visard.models.face import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_SWSCALE_601 = 5


class FrameMaker:
    """Makes an encoder's frames of BGR pictures of one size: palettes, or YUV with the usual matrix."""

    def __init__(self, pixels: str, width: int, height: int) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._pixels = pixels
        self._matrix = BT709 if usual_matrix(width, height) == BT709 else _SWSCALE_601
        self._exactly = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
        self._reformatter = VideoReformatter()

    def __call__(self, image: Image) -> "VideoFrame":
        """Return a frame; chroma has half size, so an odd edge is doubled."""
        import av

        if self._pixels == "pal8":
            return _with_palette(image)
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            border = cv2.BORDER_REPLICATE
            image = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border), np.uint8)
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="bgr24")
        return self._reformatter.reformat(
            frame,
            format=self._pixels,
            dst_colorspace=self._matrix,
            interpolation=int(self._exactly),
            threads=1,
        )


def _with_palette(image: Image) -> "VideoFrame":
    """Choose 256 colours for this picture alone."""
    import av
    from PIL import Image as Pillow

    indexed = Pillow.fromarray(np.ascontiguousarray(image[:, :, ::-1])).quantize(256)
    colours = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.full((256, 4), 255, np.uint8)  # alpha first
    palette[: len(colours), 1:] = colours
    planes: Any = np.asarray(indexed), palette
    return av.VideoFrame.from_ndarray(planes, format="pal8")
