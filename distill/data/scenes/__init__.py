"""Procedural scenes: bottles among cans, cups, jars and boxes, with exact instance masks.

`render_scene` is one photograph, `render_clip` a moving picture. Both depend on their arguments
alone: scene 7 of seed 3 is the same scene however many others are rendered.
"""

from distill.data.scenes.domain import CLASSES, DOMAINS, Domain
from distill.data.scenes.render import RATE, Instance, Rendered, render_clip, render_scene

__all__ = [
    "CLASSES",
    "DOMAINS",
    "RATE",
    "Domain",
    "Instance",
    "Rendered",
    "render_clip",
    "render_scene",
]
