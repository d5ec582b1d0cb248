"""The world of the tests of distillation."""

from distilling import clips, config_of, few, held_out, settings_of

__all__ = ["clips", "config_of", "few", "held_out", "settings_of"]
