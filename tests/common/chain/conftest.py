from pathlib import Path

import pytest
import yaml

from common.chain.config import ChainConfig, find_config
from common.data.toy import ToyConfig, make_toy


def shortened(package: str, path: Path, **changes: dict[str, object]) -> str:
    """The package's toy configuration with a few settings changed, written to ``path``."""
    values = yaml.safe_load(find_config(package, "toy.yaml").read_text(encoding="utf-8"))
    for section, settings in changes.items():
        values[section] |= settings
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def small_chain(tmp_path_factory) -> ChainConfig:
    """A chain on 12 generated images with three steps per training."""
    folder = tmp_path_factory.mktemp("chain")
    make_toy(folder / "data", ToyConfig(n_train=12, n_val=4))
    engine = {"max_steps": 3, "batch_size": 4}
    small = {"engine": engine, "test": {"batch_size": 4}}
    return ChainConfig(
        title="A small chain",
        baseline=shortened("common.baseline", folder / "baseline.yaml", engine=engine),
        segmentation=shortened("deeplabv2", folder / "deeplabv2.yaml", **small),
        out=str(folder / "out"),
        root=str(folder / "data"),
        device="cpu",
        workers=0,
        examples=2,
    )
