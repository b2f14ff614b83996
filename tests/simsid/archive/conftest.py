from tests.simsid.scoring.conftest import films

__all__ = ["films"]
