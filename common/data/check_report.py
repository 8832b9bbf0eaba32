"""Collecting and printing what ``common.data.check`` finds."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN_PER_KIND = 5


@dataclass
class Report:
    """Findings grouped by kind. Problems make the dataset unusable as it is; notes only say what it cannot do.

    Args:
        problems, notes: kind -> one text per case.
        abilities: what can be done with the dataset -> "" for yes, else why not.
    """

    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    abilities: dict[str, str] = field(default_factory=dict)
    n_images: int = 0

    def say(self, text: str) -> None:
        print(text, flush=True)

    def problem(self, kind: str, text: str) -> None:
        self.problems.setdefault(kind, []).append(text)

    def note(self, kind: str, text: str) -> None:
        self.notes.setdefault(kind, []).append(text)

    def finish(self) -> int:
        """Print notes, problems and the summary line; returns the exit status."""
        self.say_group("note", self.notes)
        self.say_group("problem", self.problems)
        parts = [f"{self.n_images} images"]
        parts += [f"{ability} {'no, ' + reason if reason else 'yes'}" for ability, reason in self.abilities.items()]
        n_problems = sum(map(len, self.problems.values()))
        parts.append(f"{n_problems} problem{'' if n_problems == 1 else 's'}" + (", see above" if n_problems else ""))
        self.say("summary: " + "; ".join(parts))
        return 1 if self.problems else 0

    def say_group(self, level: str, group: dict[str, list[str]]) -> None:
        """Print each kind with the number of its cases and the first few of them."""
        for kind, texts in group.items():
            self.say(f"{level}: {kind} ({len(texts)})" if len(texts) > 1 else f"{level}: {kind}")
            for text in texts[:SHOWN_PER_KIND]:
                self.say(f"    {text}")
            if len(texts) > SHOWN_PER_KIND:
                self.say(f"    ... and {len(texts) - SHOWN_PER_KIND} more")
