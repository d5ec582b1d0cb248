"""Losses: what a student learns from a teacher, each term a file and a pure function."""
