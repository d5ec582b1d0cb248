"""Sources give frames, sinks take redacted ones; libav appears nowhere else."""
