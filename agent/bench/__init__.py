"""Measures a bundle on this machine: its networks alone, and a whole run over a clip."""
