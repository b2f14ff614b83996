"""Populations: which normals is this film to be compared with, and is it like any of them?"""

from simsid.detectors.population.check import PopulationCheck

__all__ = ["PopulationCheck"]
