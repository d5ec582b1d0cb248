"""Repository: a folder of static files by which a fleet knows what it may install today (TUF)."""
