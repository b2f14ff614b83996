"""How much a data set holds: what a small network reaches that is trained *with* labels."""
