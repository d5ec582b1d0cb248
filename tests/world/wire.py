"""Wire: what lies between a device and its broker; it knows where a packet ends, and can cut there."""

import contextlib
import socket
import threading

_PUBLISH, _PUBACK = 3, 4
UP, DOWN = "up", "down"


class Wire:
    """A port that leads to a broker's; a context.

    Args:
        prefixes: of the topics whose packets count.

    Attributes:
        passed: those of QoS 1 that did, in order: which way, what, topic.
        connections: how many devices have one now.
        at: index in `passed` of the packet at which the wire is cut; None: of none.
        lets_pass: whether that one still arrives; of its connection nothing else does, either way.
        fault: is called then.
    """

    def __init__(self, port, prefixes):
        self._there, self._prefixes = port, prefixes
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._threads, self._sockets = [], []
        self._mids, self._one = {}, threading.Lock()
        self.passed, self.at, self.lets_pass = [], None, False
        self.connections = 0
        self.fault = lambda: None

    def __enter__(self):
        self._begin(self._accept)
        return self

    def __exit__(self, *_):
        for each in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _begin(self, target, *args):
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                device, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._there))
            except OSError:  # it is not there
                device.close()
                continue
            self._sockets += [device, broker]
            is_cut = threading.Event()
            with self._one:
                self.connections += 1
            self._begin(self._carry, device, broker, UP, is_cut)
            self._begin(self._carry, broker, device, DOWN, is_cut)

    def _carry(self, source, target, way, is_cut):
        """Packet by packet, until an end closes, or the wire is cut."""
        try:
            with source.makefile("rb") as stream:
                while self._pass(stream, target, way, is_cut):
                    pass
        except (OSError, EOFError):
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
        finally:
            with self._one:
                self.connections -= way == UP

    def _pass(self, stream, target, way, is_cut):
        """Carry one packet; whether there may be another."""
        head, length, size = _read(stream, 1), b"", 0
        while not length or length[-1] & 128:
            length += _read(stream, 1)
            size |= (length[-1] & 127) << 7 * (len(length) - 1)
        body = _read(stream, size)
        with self._one:  # the cut comes between two packets, whichever way they go
            if is_cut.is_set():
                return False
            seen = self._seen(way, head[0], body)
            if seen is not None and len(self.passed) == self.at:
                is_cut.set()
            if not is_cut.is_set() or self.lets_pass:
                if seen is not None:
                    self.passed.append(seen)
                target.sendall(head + length + body)
            if is_cut.is_set():
                self.at = None
                self.fault()
        return not is_cut.is_set()

    def _seen(self, way, head, body):
        """What a packet is; None: not of those that count."""
        kind, qos = head >> 4, head >> 1 & 3
        if kind == _PUBLISH and qos:
            size = int.from_bytes(body[:2], "big")
            topic, mid = body[2 : 2 + size].decode(), body[2 + size : 4 + size]
            if topic.startswith(self._prefixes):
                self._mids[way, mid] = topic
                return way, "PUBLISH", topic
        elif kind == _PUBACK:
            other = DOWN if way == UP else UP
            if topic := self._mids.pop((other, body[:2]), None):
                return way, "PUBACK", topic
        return None


def _read(stream, size):
    """So many bytes; an end may be killed at any of them."""
    read = stream.read(size)
    if len(read) < size:
        raise EOFError
    return read
