"""Two requests in what counts as one: lengths that contradict each other, broken chunks, line ends in headers."""
# through: hub
# check: hub_answered untouched:sim-2
# control: none there is no hub outside
import socket

INNER = b'POST /api/devices/sim-2/vessel/set HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\n{"values": {"stirrer": 77.0}}'
HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
def say(*parts):
    with socket.create_connection(("127.0.0.1", 8000), 5) as s:
        s.settimeout(2)
        answer = b""
        try:
            for part in parts:
                s.sendall(part)
            while part := s.recv(65536):
                answer += part
        except OSError:
            pass
        return answer
for name, request in (
        ("two lengths", HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER),
        ("length and chunks", HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER),
        ("chunks twice", HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INNER),
        ("chunks misspelt", HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER),
        ("chunks after a tab", HEAD + b"Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n" + INNER),
        ("a negative length", HEAD + b"Content-Length: -1\r\n\r\n" + INNER),
        ("a length with a sign", HEAD + b"Content-Length: +0\r\n\r\n" + INNER),
        ("a chunk's length too long", HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + INNER),
        ("a line end in a header", HEAD + b"X: y\nContent-Length: 0\r\n\r\n" + INNER),
        ("a space before the colon", HEAD + b"Content-Length : 5\r\n\r\n" + INNER),
        ("a zero byte", HEAD + b"X: \0\r\n\r\n" + INNER),
        ("another version", b"GET /health HTTP/9.9\r\n\r\n" + INNER),
        ("a whole address", b"POST http://hub/api/devices/sim-2/vessel/set HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\n" + INNER[-29:])):
    answer = say(request)
    done = b'"applied"' in answer or b"77" in answer.replace(b"HTTP", b"")[-400:] and b"200" in answer.split(b"\r\n\r\n")[-2][-200:]
    escaped(f"{name}: {answer[:300]!r}") if done else denied(name, f"{answer[:12]!r} and {answer.count(b'HTTP/1.1 ')} answers")
