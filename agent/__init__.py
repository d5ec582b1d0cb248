"""Runs a bundle: decodes video, finds and follows objects, redacts, encodes."""
