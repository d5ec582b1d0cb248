"""Stages on threads with bounded queues between them."""
