"""The agent as a service: many streams, one model, for ever."""
