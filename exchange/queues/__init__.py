"""Queues: messages that wait, and the consumers that take them.

    queue           what a channel asks of it, and the order in which things happen
    options         what its arguments and policies make of it
    ready           messages that leave in the order in which they came
    backlog         the far end of many of them: positions in the store
    selection       messages of which not everybody may have each at any time:
                    `lines` by filter, `groups` in order, `dates` at which they leave;
                    `waiting`, `places` and `note` are what it keeps of them
    consumers       who takes messages: `turns` says whose turn it is, `deal` gives out
    pump            which queue has something to hand out; `waitlist`: consumers that wait for room
    dead_letter     what becomes of those that are given up; `expiry`, `retry` when
    browsing        looks without taking: `wanted`, `oldest`; `redrive` sends back

Some queues are of another kind: `deduplicating_queue`, `reply_queue`, and the `schedule` of a
delayed exchange. `host` is what a queue needs of its virtual host.
"""
