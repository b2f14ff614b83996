"""Populations: which normals is this film to be compared with, and is it like any of them?"""

from simsid.detectors.population.check import ANOTHER, PopulationCheck
from simsid.models.film_features import film_features

__all__ = ["ANOTHER", "PopulationCheck", "film_features"]
