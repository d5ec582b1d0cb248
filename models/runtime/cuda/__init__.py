"""Drives NVIDIA GPUs through pycuda, which is imported by who makes a `CudaGpu` and not before."""
