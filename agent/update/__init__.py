"""Update: which bundle a device runs, and how another one takes its place; no frame waits for it."""
