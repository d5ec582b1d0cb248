"""Draws what a run did, for people to look at; sees redacted frames and counts, nothing else."""
