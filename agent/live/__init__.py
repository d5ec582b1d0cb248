"""Live: streams as browsers see them, and browsers as cameras."""
