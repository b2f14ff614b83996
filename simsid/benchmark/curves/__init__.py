"""Psychometric curves: a method's quality against the strength of what it should, or should not,
see. Images are drawn for the purpose, so every strength has the same samples, harder or easier."""
