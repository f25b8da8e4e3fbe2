"""The management API: RabbitMQ's HTTP API, for the tools that know it, and what is ours beside it.

server        listeners of HTTP, and the connections that are open
seats         how many connections there may be, and who makes room
session       one HTTP connection under trio
application   from a request to a response: route, login, rights, pass, errors
assets        the page at `/`, whose files are in `page`
routes        all endpoints, in one table
access        who may call what, and `hosts` by which names
call          what an endpoint is given; `bodies` reads JSON, `fields` what is in it
listing       columns, order, pages
statistics    counts, rates and how they are sampled

Each other module is a noun of the API and holds its endpoints: what is asked of the broker, and how
the answer looks. All of an endpoint that touches the broker happens within one pass; lists are
made in slices, between which others have their turn.
"""
