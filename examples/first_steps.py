"""A first program: put a message into a queue, take it out again. Needs `pip install pika`.

Start the broker first: warrener serve
"""

import pika

connection = pika.BlockingConnection(pika.URLParameters("amqp://guest:guest@localhost:5672"))
channel = connection.channel()
channel.queue_declare("greetings", durable=True)

# From here on basic_publish returns when the message is safe on disk, and raises if it is not.
channel.confirm_delivery()
persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
for name in ("Ada", "Grace", "Hedy"):
    channel.basic_publish("", "greetings", f"Hello, {name}!".encode(), persistent)

# The broker keeps a message until it is acknowledged; stop here and it is there next time.
for method, _, body in channel.consume("greetings", inactivity_timeout=1):
    if method is None:
        break
    print(body.decode())
    channel.basic_ack(method.delivery_tag)

connection.close()
