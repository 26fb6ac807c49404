"""`python -m bench.peers.receiver`: a receiver of webhooks that says 200 and keeps nothing; prints its port."""

import contextlib
import re
import socket
import threading

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        waiting = b""
        while chunk := connection.recv(65536):
            waiting += chunk
            while (end := _end_of_request(waiting)) is not None:
                waiting = waiting[end:]
                connection.sendall(ANSWER)


def _end_of_request(waiting: bytes) -> int | None:
    head, separator, _ = waiting.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not separator or length is None:
        return None
    end = len(head) + len(separator) + int(length[1])
    return end if len(waiting) >= end else None


if __name__ == "__main__":
    main()
