"""Console: a fleet in the browser of whoever may steer it, served to this machine alone."""
