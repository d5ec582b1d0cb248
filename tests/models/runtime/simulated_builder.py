"""What builds engines on a simulated machine: `simulated_builder.py WAY LOG`.

Its plan is made of what it was asked for. The log gets a line when a build begins, and when it is
cancelled.

WAY: `good`; `slow`, or `silent`, until it is cancelled; `deaf` to being cancelled; `crash`, `out of memory`,
`error`, `garbage`, `endless` lines, `cut`, a `lie` about the plan, `huge`, `empty`.
"""

import hashlib
import json
import os
import signal
import sys
import time


def say(**words):
    os.write(1, json.dumps(words).encode() + b"\n")


def main(way, log):
    def note(line):
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 appended in one step
            file.write(f"{line}\n")

    def cancel(*_):
        if way != "deaf":
            note("cancelled")
            sys.exit(1)

    signal.signal(signal.SIGTERM, cancel)
    order = json.loads(sys.stdin.buffer.readline())
    onnx = sys.stdin.buffer.read()
    if len(onnx) != order["onnx_bytes"]:
        return 1
    note(f"begun {os.getpid()}")
    say(step="timing kernels", share=0.25)
    if way == "silent":
        time.sleep(3600)
    if way in {"slow", "deaf"}:
        while True:
            time.sleep(0.02)
            say(step="timing kernels", share=0.5)
    if way == "crash":
        sys.stderr.write("one\nCUDA error: no room at all\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "error":
        say(error="node Conv_3: no kernel")
        return 1
    if way == "garbage":
        os.write(1, b"\0\xff what\n")
    if way == "endless":
        while True:
            os.write(1, b"x" * 4096)
    time.sleep(0.2)  # so that two could build at once
    say(step="writing", share=1)
    plan = b"" if way == "empty" else f"plan of {order}".encode() + onnx * 3
    size = 1 << 40 if way == "huge" else len(plan) + 7 * (way == "cut")
    digest = hashlib.sha256(plan + b"!" * (way == "lie")).hexdigest()
    say(plan_bytes=size, plan_sha256=digest)
    while plan:
        plan = plan[os.write(1, plan) :]
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
