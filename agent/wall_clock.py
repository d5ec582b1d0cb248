"""WallClock: what time it is, and whether anybody should believe it."""
