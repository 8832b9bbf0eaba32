"""ImageNet weights of timm by name."""

from __future__ import annotations

from torch import Tensor

from common.errors import CheckpointError


def timm_weights(name: str, elsewhere: str = "") -> dict[str, Tensor]:
    """timm's weights, name -> tensor, with the classifier; timm downloads them once.

    Args:
        name: architecture and tag, ``resnest101e.in1k``.
        elsewhere: which other file has them, for the message.

    Raises:
        CheckpointError: they cannot be downloaded.
    """
    # Imported where weights are asked for: it takes long.
    from timm import create_model

    try:
        network = create_model(name, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"cannot download timm's {name} ({reason}); fetch it elsewhere{elsewhere} and give the path of the file as weights."
        ) from error
    return dict(network.state_dict())
