"""Sees objects in frames: a network behind one interface, and workers that many streams share.

`detector.py` sees one frame. `lane.py` is what a stream holds: it hands frames in and gets a
`Ticket` for each. `schedule.py` decides whose ticket is next, under `hang_limit.py`, and `pool.py`
runs the threads.

Batching will have a file here, beside the pool. Its seat is `Schedule.take`: where one job is
taken now, several lanes' next ones would be, for a detector that sees several frames at once.
Turns, tickets, time-outs and faults are of single jobs and stay so.
"""
