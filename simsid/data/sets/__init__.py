"""One module for each data set, as its authors distribute it; ``simsid.data.load`` is the door."""
