"""A small network and frames of its camera."""

from quantizing import frames_folder, small_weights

__all__ = ["frames_folder", "small_weights"]
