"""Pack: a student becomes a bundle that the device can trust."""
