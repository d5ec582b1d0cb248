"""JournalSocket: takes records as journald does, over a socket of its kind."""

import socket


class JournalSocket:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(30)
        self._socket.bind(str(path))

    def record(self):
        """The next one's fields, each of which comes once."""
        return parsed(self._socket.recv(1 << 20))

    def records(self):
        """All that lie here."""
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(parsed(self._socket.recv(1 << 20)))
        except BlockingIOError:
            return found

    def close(self):
        self._socket.close()


def parsed(datagram):
    """Fields of a datagram: `NAME=value`, or a name, 8 bytes of length, and so many of value."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            datagram = rest
        else:
            length = int.from_bytes(rest[:8], "little")
            value, end, datagram = (
                rest[8 : 8 + length],
                rest[8 + length : 9 + length],
                rest[9 + length :],
            )
            assert (len(value), end) == (length, b"\n")
        assert name.decode() not in fields
        fields[name.decode()] = value.decode()
    return fields
