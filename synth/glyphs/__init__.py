"""Where digits come from: one interface, and a registry of sources."""

from synth.glyphs.sources import SOURCES, GlyphSource, open_source

__all__ = ["SOURCES", "GlyphSource", "open_source"]
