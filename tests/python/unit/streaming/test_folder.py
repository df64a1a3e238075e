"""Which files are ready, by what they were at the look before."""

from pathlib import Path

from likely_buyers.sources.reading import Reading
from likely_buyers.streaming import EventFolder


def watched(folder: Path) -> tuple[EventFolder, list[str]]:
    said: list[str] = []
    return EventFolder(str(folder), Reading.of({}, "own"), 60, said.append), said


def test_a_file_is_ready_when_it_stands_as_it_stood(tmp_path: Path) -> None:
    folder, said = watched(tmp_path)
    file = tmp_path / "a.csv"
    file.write_text("one")
    (tmp_path / "_unfinished.csv").write_text("one")
    (tmp_path / "notes.md").write_text("one")
    assert folder.look(0) == []
    folder.tell_growing()
    file.write_text("one and two")
    assert folder.look(1) == []
    folder.tell_growing()
    assert folder.look(2) == [str(file)]
    assert len(said) == 1
    assert str(file) in said[0]
    folder.taken([str(file)])
    assert folder.look(3) == []
    file.write_text("one and two and three")
    assert folder.look(4) == []
    assert folder.look(5) == [str(file)]


def test_a_refused_file_waits_until_it_changes_or_a_while_is_over(tmp_path: Path) -> None:
    folder, said = watched(tmp_path)
    file, other = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_text("one")
    other.write_text("one")
    folder.look(0)
    assert folder.look(1) == [str(file), str(other)]
    folder.refused(str(file), "It is broken.", 1)
    assert folder.look(2) == [str(other)]
    assert folder.waiting(2) == {str(file)}
    folder.taken([str(other)])
    assert folder.left == [str(file)]
    assert folder.look(62) == [str(file)]
    folder.refused(str(file), "It is broken.", 62)
    assert len(said) == 1
    file.write_text("mended")
    folder.look(63)
    assert folder.look(64) == [str(file)]
    folder.taken([str(file)])
    assert folder.left == []


def test_what_is_loaded_already_is_not_new(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("one")
    before, _ = watched(tmp_path)
    before.look(0)
    folder, _ = watched(tmp_path)
    folder.known(before._there)
    folder.look(0)
    assert folder.look(1) == []
