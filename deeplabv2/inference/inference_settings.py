"""How a trained network is applied to whole images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from common.errors import ConfigError
from deeplabv2.settings import DeepLabConfig


@dataclass(frozen=True)
class InferenceSettings:
    """What decides the logits of an image besides the checkpoint.

    Attributes:
        long_side: longer side in pixels to which images are scaled first; 0 keeps their size.
        scales: factors of the image; the logits of all of them are averaged.
        flip: average the logits with those of the mirror image.
        precision: fp32, bf16 or fp16.
    """

    long_side: int
    scales: tuple[float, ...]
    flip: bool
    precision: str

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"RUN.TEST_SCALES is {list(self.scales)}; give positive factors, 1.0 alone as published")
        if self.long_side < 0:
            raise ConfigError(
                f"the longer side of test images is {self.long_side}; give pixels, or 0 for their own size"
            )

    def record(self) -> dict[str, Any]:
        """Plain values for ``stage.json``."""
        return {**asdict(self), "scales": list(self.scales)}


def inference_settings(config: DeepLabConfig) -> InferenceSettings:
    """As the settings of RUN say."""
    run = config.RUN
    return InferenceSettings(run.TEST_LONG_SIDE, tuple(run.TEST_SCALES), run.TEST_FLIP, run.PRECISION)
