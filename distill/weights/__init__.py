"""Published weights: fetched, checked, kept."""
