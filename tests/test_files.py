"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dualact.files import whole_file


def entries(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.bin"
    with whole_file(target) as stream:
        stream.write(b"one")
        assert not target.exists()
    assert target.read_bytes() == b"one"
    assert entries(tmp_path) == ["a.bin"]


def test_text_is_utf8(tmp_path):
    with whole_file(str(tmp_path / "a.txt"), "w") as stream:
        stream.write("λ\n")
    assert (tmp_path / "a.txt").read_bytes() == "λ\n".encode()


def test_an_existing_file_is_replaced_or_left_as_it_was(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half"), whole_file(target) as stream:  # noqa: PT012
        stream.write(b"new")
        raise RuntimeError("half way")
    assert target.read_bytes() == b"old"
    assert entries(tmp_path) == ["a.bin"]
    with whole_file(target) as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"new"


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.bin") as stream:  # noqa: PT012
        stream.write(b"new")
        raise KeyboardInterrupt
    assert entries(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if step == "fsync" else (Path, "replace", full)))
    with pytest.raises(OSError, match="No space left"), whole_file(tmp_path / "a.bin") as stream:
        stream.write(b"new")
    assert entries(tmp_path) == []


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "no" / "a.bin"):
        pass


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError), whole_file(tmp_path / "a") as stream:
        stream.write(b"new")
    assert entries(tmp_path) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with whole_file(tmp_path / "a") as stream:
            stream.write(b"x")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
