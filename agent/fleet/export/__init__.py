"""Export: what Prometheus is told of a fleet, made of what its devices tell over MQTT."""
