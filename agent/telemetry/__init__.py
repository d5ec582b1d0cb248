"""Telemetry: how a running agent is, for programs."""
