"""A network in eight bits, and in sixteen: ranges, insertion, correction, and what judges them."""
