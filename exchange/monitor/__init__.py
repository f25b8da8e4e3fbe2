"""The monitor: what htop is to a machine, `warrener top` is to a broker.

    program     the tasks: keys in, snapshots in, frames out
    source      where documents come from: the API over HTTP, or a broker in this process
    requests    which documents a state needs
    snapshot    what a broker is like, made of those documents
    history     the last minute of it; `pace` how fast numbers rise that are only counted
    standing    why a queue stands still, where the broker does not say it itself
    events      what happened: told by the broker (`event_reader`), or seen in differences
    picture     what there is to be shown at one moment
    state       what the user sees; `transitions` what each key makes of it, `keys` which those are
    keyboard    bytes of a terminal as names of keys
    views       the tables: columns, widths, formats
    screen      all of the above as something to print: `header`, `table`, `details`
    terminal    the screen that is taken over, and given back

From bytes to state and from state to a picture, everything is a function without I/O. Only
program, source and terminal wait for anything.
"""
