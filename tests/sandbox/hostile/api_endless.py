"""A header, a body, a name, a nesting without end."""
# through: hub
# limits: time=40s
# check: hub_answered
# control: none there is no hub outside
import socket

def say(parts):
    with socket.create_connection(("127.0.0.1", 8000), 5) as s:
        s.settimeout(12)
        try:
            for part in parts:
                s.sendall(part)
            return s.recv(64)
        except OSError as error:
            return str(error).encode()
def endless(first, part, times):
    yield first
    for _ in range(times):
        yield part
for name, parts in (("header", endless(b"GET / HTTP/1.1\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n", 2000)),
                    ("one header", endless(b"GET / HTTP/1.1\r\nX: ", b"x" * 10_000, 500)),
                    ("path", endless(b"GET /", b"x" * 10_000, 500)),
                    ("body", endless(b"POST /api/hardware/stirrer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b" " * 10_000 + b"\r\n", 1000)),
                    ("announced body", endless(b"POST /api/hardware/stirrer HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 10_000, 10))):
    answer = say(parts)
    escaped(f"{name}: {answer!r}") if b" 200 " in answer else denied(name, repr(answer[:24]))
for name, body in (("nesting", "[" * 100_000), ("nested objects", '{"a":' * 50_000), ("number", "9" * 100_000), ("text", '"' + "\\ud800" * 10_000 + '"')):
    status, answer = ask("POST", "/api/hardware/stirrer", body)
    denied(name, status) if 400 <= status < 500 else escaped(f"{name}: {status}")
