"""What the broker writes down, and how a broker is made of it again.

records         what stands in the records of the store, to the byte
ledger          writes them, pass by pass, and reads messages back
definitions     topology in it
entries         users, virtual hosts, permissions and policies in it
recovery        from records to a broker
unsettled       the messages among them that nobody has settled
"""
