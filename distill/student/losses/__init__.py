"""What a student learns from a teacher beside its labels: one loss a file."""
