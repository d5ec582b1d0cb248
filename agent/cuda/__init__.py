"""Frames on a GPU: detected and hidden in there, by kernels of `models/runtime/kernels/`."""
