"""Compare methods (``ranking``), look closer at one (``sweeps``), and at what one takes (``cost``)."""
