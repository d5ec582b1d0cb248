"""Makes a bundle: a large teacher labels clips, and a compact student learns from it."""
