"""Sources of a service: cameras, and files that stand for one."""
