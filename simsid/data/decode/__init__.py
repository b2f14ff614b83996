"""Bytes of one format in, grey arrays out; ``simsid.data.images`` is the door."""
