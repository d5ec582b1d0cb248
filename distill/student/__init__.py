"""Student: what is distilled, and how."""
