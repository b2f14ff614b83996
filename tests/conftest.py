"""``pytest --plugin FILE.py`` runs the contract suite over a detector of your own as well."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plugin", help="Python file with detectors, registered before collection")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--plugin"):
        # Only then: the generator's own tests run where there is no torch.
        from simsid.detectors.registry import load_plugin

        load_plugin(config.getoption("--plugin"))
