import pytest

from api.imagerepository import ImageRepository
from controllers.imagerepository.metrics import last_scan, scan_interval
from testing.builders import image_repository, scanned
from testing.clock import START


def test_scans_are_shown_with_their_time_and_interval() -> None:
    repository = image_repository(status=scanned(), interval="1h")
    assert list(last_scan(repository)) == [(("apps", "app"), START.timestamp())]
    assert list(scan_interval(repository)) == [(("apps", "app"), 3600)]


@pytest.mark.parametrize(
    "repository",
    [
        pytest.param(image_repository(status=scanned(), suspend=True), id="suspended"),
        pytest.param(image_repository(interval="soon"), id="never-scanned-no-duration"),
    ],
)
def test_scans_that_are_not_due_are_not_overdue(repository: ImageRepository) -> None:
    assert (list(last_scan(repository)), list(scan_interval(repository))) == ([], [])
