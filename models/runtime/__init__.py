"""Runs a network: arrays in, arrays out."""
