"""An installation that could not work says so before it starts, and what to do about it."""

from leganize import checks


def test_a_signing_key_that_is_none_is_named_before_anything_is_recorded(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert checks.recordings_can_be_signed(None) == []  # makes one
    (tmp_path / "signing_key.pem").write_text("no key")
    (error,) = checks.recordings_can_be_signed(None)
    assert error.id == "leganize.E003"
    assert "signing_key.pem" in error.msg


def test_a_folder_that_cannot_be_made_is_named(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.RECORDINGS_DIR = tmp_path / "file" / "recordings"
    (error,) = checks.folders_can_be_written(None)
    assert "RECORDINGS_DIR" in error.msg
