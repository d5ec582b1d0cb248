"""Runs a service until it has been ready for a while, then tells it to end.

`python attended.py SECONDS COMMAND...` exits with the service's code; it knows by the service's own
words on stderr that it is ready, which may take a busy machine any time.
"""

import subprocess
import sys
import threading

_LIMIT_S = 300
"""What isn't ready by then never will be."""


def after(seconds, act):
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    seconds, *command = sys.argv[1:]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        after(_LIMIT_S, process.kill)
        for line in process.stderr:
            sys.stderr.write(line)
            if " ready: " in line:
                after(float(seconds), process.terminate)
    sys.exit(process.returncode)
