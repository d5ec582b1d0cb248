"""A teacher labels clips: frame choice, linking, bands, provenance, review."""
