"""An Ultralytics network as a student, trained by their trainer with our data and losses."""
