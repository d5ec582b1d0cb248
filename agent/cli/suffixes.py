"""Suffixes: which files of a folder are taken for videos or images. Any can be named itself."""

_CONTAINERS = (
    "3g2 3gp asf avi divx dv dvr-ms evo f4v flv gxf ismv m2t m2ts m4v mj2 mk3d mkv mov mp4 mp4v "
    "mpe mpeg mpeg4 mpg mpg4 mts mxf nsv nut nuv ogm ogv ogx qt rm rmvb ts vob webm wm wmv wtv xvid"
)
_DEVICES = (  # cameras, recorders, players: the same containers by other names, or makers' own
    "360 amv avc cine dav ifv insv ivr lrf lrv mlv mod mtv osv ps pva rec tod tp trp ty vro"
)
_BARE_STREAMS = (
    "264 265 av1 h261 h263 h264 h265 h266 hevc ivf m1v m2p m2v mjpeg mjpg mp2v mpv obu vc1 vvc y4m"
)
_ANIMATIONS = "apng avifs flc fli gif heics"
_IMAGES = "avif bmp gif jfif jpe jpeg jpg mpo png tif tiff webp"


def _set_of(*words: str) -> frozenset[str]:
    return frozenset(f".{suffix}" for suffix in " ".join(words).split())


VIDEO_SUFFIXES = _set_of(_CONTAINERS, _DEVICES, _BARE_STREAMS, _ANIMATIONS)
"""What FFmpeg reads. Names that are mostly something else (.dat, .ogg, .bin) are left out."""

IMAGE_SUFFIXES = _set_of(_IMAGES)
