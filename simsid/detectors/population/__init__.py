"""Populations: which normals is this film to be compared with, and is it like any of them?"""

from simsid.detectors.population.check import Look, PopulationCheck, enough_normals

__all__ = ["Look", "PopulationCheck", "enough_normals"]
