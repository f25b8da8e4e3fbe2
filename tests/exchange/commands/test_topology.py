"""`warrener topology`, as it is typed: what it prints, and its exit status."""

import json
from pathlib import Path

import pytest

from warrener.exchange.commands import main
from warrener.storage.lock import DirectoryLock

SHOP = """
vhosts:
  - name: shop
    exchanges: [{ name: x }]
    queues: [{ name: q, max-length: 10k, bind: [{ source: x }] }]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return path


@pytest.fixture
def data(tmp_path: Path) -> str:
    folder = tmp_path / "data"
    folder.mkdir()
    return str(folder)


def topology(*arguments: object) -> int:
    return main(["topology", *map(str, arguments)])


def test_a_valid_file_is_said_to_be_valid(file, capsys):
    assert topology("validate", file) == 0
    assert capsys.readouterr().out == "valid: 1 vhost, 1 exchange, 1 queue, 1 binding\n"


def test_everything_that_is_wrong_is_shown(file, capsys):
    file.write_text("versoin: 1\nqueues: [{ nam: q }]\n")
    assert topology("validate", file) == 1
    out = capsys.readouterr().out
    assert f"{file}:1:1: error[T012]: unknown key 'versoin' (did you mean 'version'?)" in out
    assert f"{file}:2:12: error[T012]: unknown key 'nam' (did you mean 'name'?)" in out
    assert out.endswith("3 errors, 0 warnings\n")


def test_warnings_do_not_keep_a_file_from_being_valid(file, capsys):
    file.write_text("queues: [{ name: q, dead-letter-exchange: dlx }]")
    assert topology("validate", file) == 0
    out = capsys.readouterr().out
    assert "warning[T032]" in out
    assert out.endswith("valid: 1 vhost, 1 queue\n")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_problems_can_be_had_as_a_document(file, capsys, form):
    file.write_text("x: 1")
    assert topology("validate", file, "--format", form) == 1
    assert "T012" in json.dumps(json.loads(capsys.readouterr().out))


def test_problems_can_be_had_for_github(file, capsys):
    file.write_text("x: 1")
    assert topology("validate", file, "--format", "github") == 1
    assert capsys.readouterr().out.startswith(f"::error file={file},line=1,col=1,")


def test_a_folder_is_read_as_one(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("exchanges: [{ name: x }]")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.json").write_text(
        '{"queues": [{"name": "q", "bind": [{"source": "x"}]}]}'
    )
    (tmp_path / "README.md").write_text("no topology")
    assert topology("validate", tmp_path) == 0
    assert capsys.readouterr().out == "valid: 1 vhost, 1 exchange, 1 queue, 1 binding\n"


def test_a_folder_without_files_and_a_file_that_is_not_there_are_problems(tmp_path, capsys):
    assert topology("validate", tmp_path, tmp_path / "nowhere.yaml") == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}:1:1: error[T001]: no file in this folder ends with" in out
    assert "nowhere.yaml:1:1: error[T001]: cannot be read: No such file or directory" in out


def test_short_forms_can_be_seen_in_full(file, capsys):
    assert topology("validate", file, "--expand") == 0
    out = capsys.readouterr().out
    assert "      - { source: x, queue: q }" in out
    file.write_text(out)
    assert topology("validate", file) == 0


def test_from_plan_to_apply(file, data, capsys):
    assert topology("plan", file, "--data", data) == 2
    out = capsys.readouterr().out
    assert "  + queue 'q' in 'shop'" in out
    assert out.endswith("Plan: 4 to create, 0 to update, 0 to replace, 0 to delete\n")
    assert topology("apply", file, "--data", data, "--yes") == 0
    assert capsys.readouterr().out.endswith("Done: 4 of 4 steps\n")
    assert topology("plan", file, "--data", data) == 0
    assert topology("apply", file, "--data", data) == 0


def test_a_saved_plan_is_applied_once(file, data, tmp_path, capsys):
    plan = tmp_path / "plan.json"
    assert topology("plan", file, "--data", data, "--out", plan) == 2
    assert topology("apply", plan, "--data", data, "--yes") == 0
    capsys.readouterr()
    assert topology("apply", plan, "--data", data, "--yes") == 0
    assert capsys.readouterr().out.startswith("Plan: 0 to create")


def test_without_a_terminal_nobody_can_be_asked(file, data, capsys):
    assert topology("apply", file, "--data", data) == 1
    assert "nothing was done: say --yes" in capsys.readouterr().err
    assert topology("plan", file, "--data", data) == 2


def test_nothing_is_replaced_or_deleted_by_accident(file, data, capsys):
    assert topology("apply", file, "--data", data, "--yes") == 0
    file.write_text(SHOP.replace("10k", "20k"))
    assert topology("plan", file, "--data", data) == 2
    capsys.readouterr()
    assert topology("apply", file, "--data", data, "--yes") == 1
    assert "nothing was done: this plan needs --allow-replace" in capsys.readouterr().err
    assert topology("apply", file, "--data", data, "--yes", "--allow-replace") == 0
    file.write_text("vhosts: [{ name: shop }]")
    assert topology("plan", file, "--data", data) == 0
    assert topology("plan", file, "--data", data, "--prune") == 2
    assert topology("apply", file, "--data", data, "--yes", "--prune") == 0
    assert topology("diff", file, "--data", data) == 0


def test_diff_shows_what_no_file_declares(file, data, capsys):
    assert topology("apply", file, "--data", data, "--yes") == 0
    file.write_text("vhosts: [{ name: shop }]\nmanage: { prune: none }")
    capsys.readouterr()
    assert topology("diff", file, "--data", data) == 2
    assert "  - queue 'q' in 'shop'" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_export_is_a_topology_without_changes(file, data, tmp_path, capsys, form):
    assert topology("apply", file, "--data", data, "--yes") == 0
    capsys.readouterr()
    assert topology("export", "--data", data, "--format", form) == 0
    exported = tmp_path / "exported"
    exported.write_text(capsys.readouterr().out)
    assert topology("plan", exported, "--data", data, "--prune") == 0


def test_the_schema_is_json(capsys):
    assert topology("schema") == 0
    assert "vhosts" in json.loads(capsys.readouterr().out)["properties"]


def test_a_plan_of_a_file_with_errors_shows_all_of_them(file, data, capsys):
    file.write_text("x: 1\ny: 2")
    assert topology("plan", file, "--data", data) == 1
    err = capsys.readouterr().err
    assert err.startswith("warrener: the topology cannot be used:\n")
    assert "2 errors, 0 warnings" in err


def test_a_broker_that_runs_is_left_alone(file, data, capsys):
    lock = DirectoryLock(data)
    assert topology("plan", file, "--data", data) == 1
    assert "stop the broker first" in capsys.readouterr().err
    lock.release()


def test_a_data_directory_must_be_there(file, tmp_path, capsys):
    assert topology("plan", file, "--data", tmp_path / "nowhere") == 1
    assert "there is no data directory" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_is_no_saved_plan_is_told(tmp_path, data, capsys):
    path = tmp_path / "plan.json"
    path.write_text('{"format": "warrener topology plan", "version": 7}')
    assert topology("apply", path, "--data", data, "--yes") == 1
    assert capsys.readouterr().err == "warrener: a plan of another version\n"


def test_a_path_that_the_system_will_not_look_at_is_a_problem_like_any_other(capsys):
    assert main(["topology", "validate", "x" * 300]) == 1
    assert "error[T001]: cannot be read: File name too long" in capsys.readouterr().out


def test_json_is_a_form_among_others(file, data, capsys):
    assert topology("validate", file, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"problems": []}
    assert topology("validate", file, "--json", "--expand") == 0
    assert json.loads(capsys.readouterr().out)["queues"][0]["name"] == "q"
    assert topology("export", "--data", data, "--json") == 0
    assert "vhosts" in json.loads(capsys.readouterr().out)
    assert topology("schema", "--json") == 0
    assert json.loads(capsys.readouterr().out)["$schema"]
    assert topology("validate", file, "--json", "--format", "github") == 2
    assert "--json and --format github are two things" in capsys.readouterr().err


def test_what_was_applied_is_a_document(file, data, capsys):
    assert topology("apply", file, "--data", data, "--yes", "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["steps"], len(done["done"]), done["failed"]) == (4, 4, None)
    assert done["done"][0]["action"] == "create"
    assert topology("apply", file, "--data", data, "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["done"] == []


def test_what_is_quiet_says_only_what_is_wrong(file, data, capsys):
    assert topology("validate", file, "-q") == 0
    assert topology("apply", file, "--data", data, "--yes", "-q") == 0
    assert topology("apply", file, "--data", data, "--yes", "-q") == 0
    assert capsys.readouterr() == ("", "")
    file.write_text("queues: [{ nam: q }]")
    assert topology("validate", file, "-q") == 1
    assert "error[T012]" in capsys.readouterr().out


DEFINITIONS = """{"rabbit_version": "4.1.4",
 "queues": [{"name": "jobs", "vhost": "/", "durable": true, "arguments": {}},
            {"name": "log", "vhost": "/", "arguments": {"x-queue-type": "stream"}}],
 "bindings": [{"source": "nothing", "vhost": "/", "destination": "jobs",
               "destination_type": "queue", "routing_key": "k", "arguments": {}}],
}"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "definitions.json"
    path.write_text(DEFINITIONS)
    return path


def test_what_cannot_be_taken_of_definitions_is_named_and_the_rest_is_valid(definitions, capsys):
    assert topology("validate", definitions) == 0
    out = capsys.readouterr().out
    assert f"{definitions}:3:73: warning[T040]: queue 'log' in '/' is left out" in out
    assert "binding 'nothing' -> queue 'jobs' key 'k' in '/' is left out" in out
    assert out.endswith("0 errors, 2 warnings\nvalid: 1 queue; 2 left out\n")
    assert topology("validate", definitions, "--strict") == 1
    assert capsys.readouterr().out.endswith("2 errors, 0 warnings\n")


def test_definitions_are_applied_but_for_what_is_left_out(definitions, data, capsys):
    assert topology("apply", definitions, "--data", data, "--yes", "--strict") == 1
    assert "the topology cannot be used" in capsys.readouterr().err
    assert topology("apply", definitions, "--data", data, "--yes") == 0
    said = capsys.readouterr()
    assert said.out.endswith("Done: 1 of 1 steps\n")
    assert said.err.count("is left out") == 2
    assert topology("plan", definitions, "--data", data) == 0


def limited(tmp_path: Path) -> Path:
    """Definitions of which the broker refuses something when it is too late to know before."""
    path = tmp_path / "limited.json"
    queues = [{"name": name, "vhost": "shop"} for name in ("a", "b")]
    vhost = {"name": "shop", "limits": {"max-queues": 1}}
    users = [{"name": "guest", "password_hash": "", "tags": "administrator"}]
    path.write_text(json.dumps({"vhosts": [vhost], "users": users, "queues": queues}))
    return path


def test_a_refusal_of_the_broker_does_not_end_it_and_is_told(tmp_path, data, capsys):
    path = limited(tmp_path)
    assert topology("apply", path, "--data", data, "--yes") == 1
    said = capsys.readouterr()
    assert said.out.endswith("Done: 4 of 5 steps\n")
    assert "warning[T023]: queue 'b' in 'shop' is left out: cannot declare queue 'b'" in said.err
    assert topology("plan", path, "--data", data) == 2


def test_a_refusal_has_all_taken_back_where_nothing_may_be_left_out(tmp_path, data, capsys):
    topology("export", "--data", data)
    before = capsys.readouterr().out
    assert topology("apply", limited(tmp_path), "--data", data, "--yes", "--strict") == 1
    assert "0 of 5 steps were done, then this one failed" in capsys.readouterr().err
    topology("export", "--data", data)
    assert capsys.readouterr().out == before
