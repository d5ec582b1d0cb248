"""Predictors and teachers: networks of any family, asked in one way."""
