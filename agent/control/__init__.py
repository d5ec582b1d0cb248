"""Control: what a device says and is told over MQTT; nothing of it stands in a frame's way."""
