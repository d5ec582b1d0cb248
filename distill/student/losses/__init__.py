"""Losses: what a student is told about a teacher, each term a file and a pure function."""
