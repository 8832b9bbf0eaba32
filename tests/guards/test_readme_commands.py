"""The README runner of CI: it finds every block, refuses what CI would not test, and fails when a command fails."""

import pytest
import readme_commands

ONE_BLOCK = "# Title\n\n```bash\nfirst\n```\n"
TEXT = """# Title

```bash
# look
ROOT=here
export NAME="two words"
python -m first --root "$ROOT" \\
    --name "$NAME"
```

```text
python -m never
```

  ```bash
echo "$ROOT $NAME" > found.txt
  ```
"""


def readme(folder, *blocks):
    """Write a README of bash blocks to ``folder``."""
    (folder / "README.md").write_text("\n".join(f"```bash\n{block}\n```\n" for block in blocks), encoding="utf-8")
    return folder


def test_blocks_are_found_in_order_with_their_line():
    blocks = readme_commands.fenced_blocks(TEXT)
    assert [(block.language, block.line) for block in blocks] == [("bash", 3), ("text", 11), ("bash", 15)]


def test_only_bash_blocks_are_run():
    assert [block.line for block in readme_commands.bash_blocks(TEXT)] == [3, 15]


def test_a_fence_inside_a_longer_fence_is_text():
    blocks = readme_commands.fenced_blocks("````markdown\n```bash\nls\n```\n````\n")
    assert [block.text for block in blocks] == ["```bash\nls\n```"]


def test_an_open_fence_is_an_error():
    with pytest.raises(readme_commands.ReadmeError, match="line 2 is never closed"):
        readme_commands.fenced_blocks("\n```bash\nls\n")


@pytest.mark.parametrize("language", ["sh", "shell", "console"])
def test_a_shell_that_ci_would_skip_is_an_error(language):
    with pytest.raises(readme_commands.ReadmeError, match=f"line 1 is marked '{language}'"):
        readme_commands.bash_blocks(f"```{language}\nls\n```\n{ONE_BLOCK}")


def test_a_readme_without_commands_is_an_error():
    with pytest.raises(readme_commands.ReadmeError, match="no fenced bash block"):
        readme_commands.bash_blocks("# Title\n\n```text\nls\n```\n")


def test_continued_lines_are_one_command_and_comments_none():
    commands = readme_commands.commands(readme_commands.bash_blocks(TEXT)[0])
    assert commands == ["ROOT=here", 'export NAME="two words"', 'python -m first --root "$ROOT" --name "$NAME"']


def test_assignments_are_kept_and_other_commands_are_not():
    assert readme_commands.assignments(readme_commands.bash_blocks(TEXT)) == ["ROOT=here", 'export NAME="two words"']


def test_a_command_with_a_variable_in_front_is_no_assignment():
    assert readme_commands.assignments(readme_commands.bash_blocks("```bash\nSEED=1 python -m x\n```\n")) == []


@pytest.mark.parametrize(
    ("only", "leave_out", "chosen"), [((), (), [1, 2, 3]), ((2,), (), [2]), ((), (1, 2), [3]), ((3, 1), (), [1, 3])]
)
def test_blocks_are_chosen_by_number_in_the_readmes_order(only, leave_out, chosen):
    assert readme_commands.select(3, only, leave_out) == chosen


def test_a_block_that_does_not_exist_is_an_error():
    with pytest.raises(readme_commands.ReadmeError, match="no block 4; the README has blocks 1 to 3"):
        readme_commands.select(3, (4,), ())


def test_a_block_sees_the_variables_of_earlier_blocks(tmp_path):
    readme(tmp_path, 'WORD=one\nexport NAME="two words"', 'echo "$WORD, $NAME" > found.txt')
    assert readme_commands.main(["run", "--block", "2"], tmp_path) == 0
    assert (tmp_path / "found.txt").read_text() == "one, two words\n"


def test_every_block_starts_in_the_root(tmp_path):
    (tmp_path / "inside").mkdir()
    readme(tmp_path, "cd inside", "touch here")
    assert readme_commands.main(["run"], tmp_path) == 0
    assert (tmp_path / "here").exists()


@pytest.mark.parametrize("block", ["(exit 3)\ntouch reached", "(exit 3) | cat\ntouch reached"])
def test_a_failing_command_ends_the_run_with_its_status(tmp_path, block):
    readme(tmp_path, block, "touch reached")
    assert readme_commands.main(["run"], tmp_path) == 3
    assert not (tmp_path / "reached").exists()


def test_an_unset_variable_is_a_failure(tmp_path):
    assert readme_commands.main(["run"], readme(tmp_path, 'echo "$NEVER_SET_ANYWHERE"')) != 0


def test_left_out_blocks_do_not_run(tmp_path):
    readme(tmp_path, "touch one", "touch two", "touch three")
    assert readme_commands.main(["run", "--except", "1", "3"], tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "two"]


def test_list_prints_the_commands_and_runs_none(tmp_path, capsys):
    assert readme_commands.main(["list"], readme(tmp_path, "touch one")) == 0
    assert "touch one" in capsys.readouterr().out
    assert not (tmp_path / "one").exists()


def test_a_missing_readme_is_one_line_and_a_status(tmp_path, capsys):
    assert readme_commands.main(["list"], tmp_path) == 2
    assert capsys.readouterr().err.startswith("error: README.md: ")
