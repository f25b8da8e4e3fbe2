from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from warrener.exchange.config import Config, ConfigError


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> str:
        path = tmp_path / "warrener.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


def test_without_a_file_the_defaults_stand() -> None:
    assert Config.load(None, {}) == Config()
    assert (Config().host, Config().port, Config().sync) == ("127.0.0.1", 5672, "always")


def test_a_file_changes_what_it_names(written: Any) -> None:
    config = Config.load(written('port = 0\nmemory = true\nsync = "never"\n'), {})
    assert config == Config(port=0, memory=True, sync="never")


def test_the_command_line_stands_above_the_file(written: Any) -> None:
    config = Config.load(written('port = 1\nhost = "::1"\n'), {"port": 2})
    assert config == Config(port=2, host="::1")


def test_an_unknown_option_is_named(written: Any) -> None:
    with pytest.raises(ConfigError, match="unknown option 'prot'"):
        Config.load(written("prot = 1\n"), {})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('port = "5672"', "'port' must be of type int"),
        ("port = 5672.0", "'port' must be of type int"),
        ("port = true", "'port' must be of type int"),
        ("memory = 1", "'memory' must be of type bool"),
        ("host = 127", "'host' must be of type str"),
        ("[host]", "'host' must be of type str"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(written: Any, line: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Config.load(written(line + "\n"), {})


@pytest.mark.parametrize("text", ["port 5672", "port = 1\nport = 2\n", b"host = '\xff'"])
def test_a_file_that_is_no_toml_is_refused_by_name(written: Any, text: str | bytes) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as refused:
        Config.load(path, {})
    assert path in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*/none\.toml: No such file"):
        Config.load(str(tmp_path / "none.toml"), {})
    with pytest.raises(ConfigError, match="Is a directory"):
        Config.load(str(tmp_path), {})


def test_every_option_says_what_it_does_and_has_a_plain_default() -> None:
    for option in fields(Config):
        assert option.metadata["meaning"], option.name
        assert type(option.default) in (str, int, bool), option.name


def test_a_config_never_changes() -> None:
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.port = 1  # type: ignore[misc]
