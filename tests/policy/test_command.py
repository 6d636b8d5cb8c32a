"""The command: every verb has help, and the documents name no verb or option that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from annotation.cli import VERBS as ANNOTATE
from million_ird import __version__
from million_ird.cli import VERBS, Verbs, main
from tests.policy.documents import (
    COMMANDS,
    DOCUMENTS,
    ROOT,
    command_lines,
    inline_commands,
    name,
    parser_of,
    split_command,
)

README = ROOT / "README.md"


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*verb.split(), "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: million-ird {verb} ")
    options = [action for action in parser_of(verb)._actions if action.option_strings[:1] != ["-h"]]
    assert options
    assert [action.dest for action in options if not action.help and not action.metavar] == []


@pytest.mark.parametrize(("words", "verbs"), [([], VERBS), (["annotate"], ANNOTATE)])
def test_the_help_names_every_verb_and_exit_code(
    words: list[str], verbs: Verbs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {verb} " in printed for verb in verbs)
    assert re.findall(r"\b(\d) ", printed.splitlines()[-1]) == ["0", "1", "2", "3"]


def test_the_command_knows_its_version_and_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"million-ird {__version__}\n"
    assert main(["biuld"]) == 2
    assert "did you mean 'build'" in capsys.readouterr().err
    assert main(["annotate", "crate"]) == 2
    assert "million-ird annotate: there is no verb 'crate'; did you mean 'create'?" in capsys.readouterr().err
    assert main([]) == 2


def test_the_readme_lists_every_verb_and_no_other() -> None:
    table = README.read_text().split("| verb | does |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([\w -]+)` \|", table, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_line_in_a_block_is_one_that_the_command_takes(document: Path) -> None:
    for command, arguments in map(split_command, command_lines(document, "million-ird")):
        if command != "VERB":
            assert command in COMMANDS
            parser_of(command).parse_args(arguments)  # SystemExit where the line is wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_verb_and_option_in_the_prose_exists(document: Path) -> None:
    for verb, words in map(split_command, inline_commands(document, "million-ird")):
        if verb in ("VERB", "--help", "annotate", "annotate VERB", "annotate --help"):
            continue
        assert verb in COMMANDS
        options = {word for word in words if word.startswith("--")}
        known = {option for action in parser_of(verb)._actions for option in action.option_strings}
        assert options <= known, f"{verb}: {options - known}"


def test_options_in_the_readmes_table_exist() -> None:
    table = README.read_text().split("| verb | does |")[1].split("\n\n")[0]
    for verb, text in re.findall(r"^\| `([\w -]+)` \|(.*)\|$", table, re.MULTILINE):
        known = {option for action in parser_of(verb)._actions for option in action.option_strings}
        assert set(re.findall(r"--[\w-]+", text)) <= known


def test_the_command_lines_were_found() -> None:
    lines = command_lines(README, "million-ird")
    assert {verb for verb, *_ in lines} >= {"build", "status", "verify", "inspect", "recut", "retry-failed", "takedown"}
    submitted = [line for line in README.read_text().splitlines() if line.startswith("ray job submit ")]
    assert submitted
    assert lines.count(["build", "my-ird.toml", "--out", "s3://bucket/my-ird"]) == 1 + len(submitted)


def test_a_wrong_line_would_be_noticed() -> None:
    with pytest.raises(SystemExit):
        parser_of("build").parse_args(["quickstart", "--out", "x", "--no-such-option"])


def test_the_options_of_ray_job_submit_exist() -> None:
    from ray.dashboard.modules.job.cli import submit

    (line,) = [line for line in README.read_text().splitlines() if line.startswith("ray job submit ")]
    known = {option for parameter in submit.params for option in parameter.opts}
    options = set(re.findall(r"--[a-z-]+", line.partition(" -- ")[0]))
    assert {"--address", "--working-dir"} <= options <= known


def test_the_readmes_words_about_tokens_are_rays() -> None:
    from ray._private.authentication.authentication_token_setup import AUTH_MODE_ENV_VAR
    from ray.exceptions import AuthenticationError
    from ray.scripts.scripts import get_auth_token

    text = README.read_text()
    said = str(AuthenticationError("refused"))
    assert f"`{AUTH_MODE_ENV_VAR}=token`" in text
    assert [option for parameter in get_auth_token.params for option in parameter.opts] == ["--generate"]
    for word in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token", "ray get-auth-token --generate"):
        assert word in said and word in text
