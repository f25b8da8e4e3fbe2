"""HTTP/1.1 without I/O: requests, responses, and which function answers which target.

target       what stands behind the host: segments and query, each decoded once
request      what a client asks
response     what it is answered, whole or in parts that go on (`event` for server-sent events)
router       from method and target to whatever was registered for them
connection   the server's side of a connection, over h11
client       the other side of it, for commands
errors       what is wrong with a request, and the status that says so

Framing, chunks and the order of things within a connection are h11's. Targets are matched raw:
a segment is decoded after the path has been cut, so `%2F` can stand in a name, and does, in most
requests there are (docs/adr/0012-http-on-h11.md).
"""
