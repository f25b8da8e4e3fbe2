"""Problems written down for people, for GitHub and for scanners."""

import json

from tests.exchange.topology.reading import read
from warrener.exchange.topology import report
from warrener.exchange.topology.problem import CODES, Place, Problem

PROBLEM = Problem("T012", "unknown key 'durabel'", Place("a.yaml", 3, 9, "      - durabel: 1", 7))


def test_text_has_the_line_and_a_caret():
    assert report.text([PROBLEM]) == (
        "a.yaml:3:9: error[T012]: unknown key 'durabel'\n"
        " 3 |       - durabel: 1\n"
        "   |         ^^^^^^^\n"
        "1 error, 0 warnings\n"
    )


def test_nothing_wrong_is_nothing_said():
    assert report.text([]) == ""


def test_of_a_long_line_the_part_that_matters_is_shown():
    place = Place("a.json", 1, 1001, "x" * 1000 + "HERE" + "y" * 1000, 4)
    line, caret = report.text([Problem("T012", "?", place)]).splitlines()[1:3]
    assert len(line) < 200
    assert line[caret.index("^") :].startswith("HERE")
    assert caret.count("^") == 4


def test_a_tab_does_not_move_the_caret():
    place = Place("a.yaml", 1, 3, "\t\tx", 1)
    assert report.text([Problem("T012", "?", place)]).splitlines()[1:3] == [" 1 |   x", "   |   ^"]


def test_json_is_one_document():
    (found,) = json.loads(report.as_json([PROBLEM]))["problems"]
    assert found["code"] == "T012"
    assert (found["file"], found["line"], found["column"]) == ("a.yaml", 3, 9)
    assert found["severity"] == "error"


def test_github_gets_commands_with_escapes():
    problem = Problem("T032", "50%\nmore", Place("a,b.yaml", 3, 9, "", 2), "why?")
    assert report.github([problem]) == (
        "::warning file=a%2Cb.yaml,line=3,col=9,endColumn=11,"
        "title=T032%3A a reference to an exchange that is not in the file::50%25%0Amore (why?)\n"
    )


def test_sarif_has_the_rules_and_the_results():
    (run,) = json.loads(report.sarif([PROBLEM]))["runs"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == CODES.keys()
    (result,) = run["results"]
    assert result["ruleId"] == "T012"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 3, "startColumn": 9, "endColumn": 16}


def test_problems_come_in_the_order_of_the_files():
    desired = read("version: 2\nx: 1\n", "y: 1\n")
    assert [(p.place.file, p.place.line) for p in desired.problems] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]
