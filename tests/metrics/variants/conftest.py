"""What all tests of variants share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_corrections():
    """statsmodels collects garbage at every correction, for a tenth of a second; nothing depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda *_: 0)
        yield
