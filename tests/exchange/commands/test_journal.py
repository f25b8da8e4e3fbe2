"""`warrener journal` on journals that a broker has left."""

import json
from pathlib import Path

import pytest

from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.commands import main
from warrener.storage.lock import DirectoryLock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The journal of a broker that was ended: forty messages in one queue, none in the other."""
    durable = DurableBroker(tmp_path / "data")
    durable.client.declare("a", "b", durable=True)
    for number in range(40):
        durable.client.publish("", "a", b"body %02d" % number, persistent=True)
    durable.client.publish("", "b", b"other", persistent=True)
    durable.client.drain("b")
    durable.broker.end_pass()
    durable.close()
    return durable.folder


def damage(folder: Path, body: bytes) -> str:
    """Change a byte of a body; returns the name of the file."""
    (path,) = [path for path in folder.glob("*.segment") if body in path.read_bytes()]
    path.write_bytes(path.read_bytes().replace(body, body[:-1] + b"X"))
    return path.name


def test_a_sound_journal_is_checked_and_left_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}
    assert main(["journal", "check", str(folder)]) == 0
    lines = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert int(lines["segments"]) > 3
    assert int(lines["records"]) > 42
    assert (lines["cut on the next start"], lines["damaged places"]) == ("0", "0")
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "lock"}


def test_each_damage_is_told_with_file_and_offset(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = damage(folder, b"body 03"), damage(folder, b"body 30")
    assert main(["journal", "check", str(folder)]) == 1
    one, two, *_ = capsys.readouterr().out.splitlines()
    assert [one.split("\t")[0], two.split("\t")[0]] == [first, second]
    assert int(one.split("\t")[1]) > 0
    assert one.endswith("lost")


def test_the_condition_is_told_as_json_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = damage(folder, b"body 03")
    assert main(["journal", "check", "--json", str(folder)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [damage["file"] for damage in told["damaged"]] == [name]


def test_a_file_without_a_header_is_damage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sorted(folder.glob("*.segment"))[1]
    path.write_bytes(b"\xff" * 64 + path.read_bytes()[64:])
    assert main(["journal", "check", str(folder)]) == 1
    assert f"{path.name}\t0\t0\thas no readable header" in capsys.readouterr().out
    assert path.exists()


def test_segments_and_queues_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "stat", str(folder)]) == 0
    segments, queues = capsys.readouterr().out.split("\n\n")
    assert segments.splitlines()[0].startswith("segment\tbytes\trecords")
    assert segments.splitlines()[1].startswith("00000000000000000001.segment\t")
    rows = [line.split("\t") for line in queues.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["/", "a", "40"], ["/", "b", "0"]]


def test_they_are_shown_as_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "stat", "--json", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(segment["held"] for segment in told["segments"]) == 40
    assert [queue["messages"] for queue in told["queues"]] == [40, 0]


@pytest.mark.parametrize("action", ["check", "stat"])
def test_a_journal_that_a_broker_uses_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    lock = DirectoryLock(str(folder))
    assert main(["journal", action, str(folder)]) == 2
    lock.release()
    (line,) = capsys.readouterr().err.splitlines()
    assert "is in use by process" in line


@pytest.mark.parametrize("make", [True, False])
def test_a_directory_without_a_journal_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: bool
) -> None:
    place = tmp_path / "nothing"
    if make:
        place.mkdir()
    assert main(["journal", "check", str(place)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not make or list(place.iterdir()) == []
