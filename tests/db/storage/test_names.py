"""A run's name as a file's name."""

import pytest

from db import UsageError
from db.storage.names import folder_name, safe_file_name
from stream.results.folder import reports_folder


@pytest.mark.parametrize("name", ["mine", "a b", "ä", "-x", "a\nb", "[red]", "..a", "a.", "x" * 255])
def test_a_plain_name_is_its_own_folder(name: str) -> None:
    """What is a file's name as it stands is kept."""
    assert folder_name(name) == name
    assert reports_folder(name).parts == ("runs", name)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../../x", "/abs/path", "a/../b", "a/b", "a\\b", "x" * 256, "a\0b"]
)
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    """What would lead elsewhere, or has room nowhere, becomes letters and a hash."""
    top, folder = reports_folder(name).parts
    assert (top, folder) == ("runs", safe_file_name(name))
    assert folder not in (".", "..")


def test_names_that_lead_to_one_place_have_their_own_folders() -> None:
    """`a/../b` and `b` are two runs."""
    assert len({reports_folder(name) for name in ("b", "a/../b", "./b", "b/", "/b", "a/b", "a_b")}) == 7


def test_a_name_that_is_no_text_is_one_sentence() -> None:
    """Bytes of a command line that are no UTF-8 cannot be recorded."""
    for made in (folder_name, safe_file_name):
        with pytest.raises(UsageError, match=r"name 'a\\udcff' is no UTF-8 text: give another"):
            made("a\udcff")
