"""GStreamer: decoders and encoders in hardware that FFmpeg doesn't reach."""
