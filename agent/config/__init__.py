"""Configuration: what a device is told in one YAML file."""
