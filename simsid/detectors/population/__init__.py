"""Populations: which normals is this film to be compared with, and is it like any of them?"""

from simsid.detectors.population.check import PopulationCheck, enough_normals

__all__ = ["PopulationCheck", "enough_normals"]
