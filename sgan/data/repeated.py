"""A list repeated until it covers a training, as the published loader does (sgan spec, section 4.1)."""

from __future__ import annotations

from common.data.sampling import IndexedSamples, Sample


class RepeatedSamples:
    """The samples, the whole list as often as it takes to reach ``at_least``; once where that is 0.

    Shuffling then runs over all repetitions together: an image may come twice before another one comes at all.
    """

    def __init__(self, samples: IndexedSamples, at_least: int) -> None:
        self.samples = samples
        self.repetitions = max(1, -(-at_least // len(samples)))

    def __len__(self) -> int:
        return len(self.samples) * self.repetitions

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index % len(self.samples)]
