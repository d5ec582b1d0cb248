"""Values that cross from room to room, and the ports between them."""
