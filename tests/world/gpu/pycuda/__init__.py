"""Stands for pycuda in a process whose PYTHONPATH begins with the folder above."""

VERSION_TEXT = "2024.1.2"
