"""Topology as a file: read it, check it, compare it with a broker, and make the broker match it.

    bytes -> document -> reading (schema, variables) -> merge, references -> State
    State of the file x State of the broker -> Plan -> operations -> target

All but `sources` and `loading` is pure: bytes and values in, problems and values out. What reads
files, an environment or a broker is handed in. docs/topology.md is the reference of the format.
"""
