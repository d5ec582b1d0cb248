"""Sources give frames, encoders take redacted ones, outputs take packets; libav is nowhere else."""
