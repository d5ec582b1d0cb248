"""Follows objects from keyframe to keyframe and says what to cover in between."""
