"""Datasets: COCO JSON in and out, clips, procedural scenes."""
