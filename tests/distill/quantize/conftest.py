"""A small network and what is made of it."""

from quantizing import frames_folder, small, small_weights

__all__ = ["frames_folder", "small", "small_weights"]
