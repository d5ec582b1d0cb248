"""Sees objects in frames: a network behind one interface, and a pool of workers on it."""
