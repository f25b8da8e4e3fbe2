"""The AMQP server: what stands between a socket and the broker.

session      one TCP connection under trio: reads, writes, nothing else that waits
connection   its state without I/O: handshake, channels, heartbeats
channel      one channel: what was read becomes calls on the broker, and back
handlers_*   what each method of a class asks of the broker
output       bytes on their way out
server       listeners, the clock, the end
"""
