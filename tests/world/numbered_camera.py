"""A camera for Chromium, and a file, whose every picture carries a number."""

import av
import numpy as np
from picture_number import stamped

FRAMES = 250


def pictures():
    """Luma, uint8 [180, 320], of a ramp that moves below the number."""
    ramp = (np.indices((180, 320)).sum(0) % 120 + 60).astype(np.uint8)
    for number in range(FRAMES):
        yield stamped(np.roll(ramp, number, 1), number)


def numbered_film(path):
    """The same as a file, with a keyframe each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"g": "30", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for luma in pictures():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(luma, "gray")))
        container.mux(stream.encode())
    return path


def chromium_camera(film):
    """Write its film, 320x180 at 30 frames a second and looped, and give Chromium's flags for it."""
    with film.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H180 F30:1 Ip A1:1 C420\n")
        for luma in pictures():
            file.write(b"FRAME\n" + luma.tobytes() + b"\x80" * (luma.size // 2))
    return (
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        f"--use-file-for-fake-video-capture={film}",
    )
