"""Who may do what: users and their passwords, permissions, limits.

users           who there is, and the steps of a login
passwords       hashes, ours and RabbitMQ's
failed_logins   who has guessed wrong waits
login_line      in which order logins are checked
permissions     what a user may do in a virtual host, by patterns over names
requirements    what it takes to declare and to bind, whichever way it is asked
limits          how much a user or a virtual host may have
"""
