"""Settings as people write them: YAML files read into pydantic trees."""
