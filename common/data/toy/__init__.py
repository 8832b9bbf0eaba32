"""A generated dataset in VOC layout that shows in minutes what makes weakly supervised segmentation hard."""

from common.data.toy.config import ToyConfig
from common.data.toy.objects import CLASS_NAMES
from common.data.toy.scene import Scene, SceneObject, draw_scene
from common.data.toy.write import make_saliency_dataset, make_toy

__all__ = ["CLASS_NAMES", "Scene", "SceneObject", "ToyConfig", "draw_scene", "make_saliency_dataset", "make_toy"]
