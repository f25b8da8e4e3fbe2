"""The demo: the main job of a broker, told as a story, on a broker that is killed in the middle.

`day` makes what happens in a web shop on a day, `bindings` says which queue gets what of it,
`story` has the steps, `process` the broker. What the steps ask of a client is in `client`; ours is
`own_client`, and examples/pika_client.py tells the very same story with pika.
"""
