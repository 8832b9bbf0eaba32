"""Every program ends by one rule: errors, signals and what the system refuses are ``run_command``'s."""

import ast

from tests.guards.source import Sources, called_name, is_entry, package_sources, parse, require_none


def without_run_command(sources: Sources) -> list[str]:
    """Entry files whose last block does anything but ``run_command(...)``."""
    return [name for name, text in sources.items() if is_entry(text) and not calls_run_command(text)]


def calls_run_command(text: str) -> bool:
    last = parse(text).body[-1]
    calls = (
        [statement.value for statement in last.body if isinstance(statement, ast.Expr)]
        if isinstance(last, ast.If)
        else []
    )
    return len(calls) == 1 and isinstance(calls[0], ast.Call) and called_name(calls[0]) == "run_command"


def test_every_program_runs_its_main_by_run_command() -> None:
    require_none(without_run_command(package_sources()), "call common.errors.run_command(main) and nothing else")


def test_a_program_that_does_not_is_found() -> None:
    head = 'def main(): ...\nif __name__ == "__main__":\n'
    sources = {
        "a.py": f"{head}    main()\n",
        "b.py": f"{head}    run_command(main)\n",
        "c.py": f"{head}    sys.exit(run_command(main))\n",
    }
    assert without_run_command(sources) == ["a.py", "c.py"]
