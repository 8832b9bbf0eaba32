"""What comes from a dataset enters through one door: ids become paths in one function, and images are opened in one file.

An id or path of a data file could lead anywhere, and an image file could be of any format and size.
"""

import ast

from tests.guards.source import called_name, dotted, package_sources, parse, require_none

# Names of what holds an image's id.
ID_NAMES = {"image_id", "identifier", "example.id", "entry.id", "sample['id']"}
# Where ids become paths; and files that make up the ids themselves.
PATHS_OF_IDS = ("common/paths.py", "common/data/image_names.py", "common/data/toy/write.py", "common/bench/evaluate.py")
IMAGE_DOOR = ("common/data/image_file.py", "common/bench/evaluate.py", "common/bench/items.py")
OPENING = {
    "Image.open",
    "PIL.Image.open",
    "cv2.imread",
    "cv2.imdecode",
    "imageio.imread",
    "plt.imread",
    "io.read_image",
}

BAD_PATHS = [
    "path = folder / f'{image_id}.png'",
    "path = folder / 'a' / f'{image_id}{suffix}'",
    "path = folder / image_id",
    "path = Path(folder, f'{example.id}.png')",
    "path = os.path.join(folder, image_id + '.png')",
    "path = folder.joinpath(identifier)",
]
GOOD_PATHS = [
    "path = path_of_id(folder, image_id, '.png')",
    "text = f'{image_id}.png'",
    "path = folder / f'{name}.png'",
]
BAD_OPENINGS = ["Image.open(path)", "cv2.imread(str(path))", "with Image.open(path, formats=['PNG']) as image: ..."]


def paths_of_ids(sources):
    """``file:line`` of every path that is put together with an id."""
    return [
        f"{name}:{node.lineno}"
        for name, text in sources.items()
        if name not in PATHS_OF_IDS
        for node in ast.walk(parse(text))
        if any(map(holds_id, parts_of_path(node)))
    ]


def parts_of_path(node):
    """What a path is put together from where ``node`` does that."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [node.right]
    if isinstance(node, ast.Call) and called_name(node) in ("Path", "joinpath", "join", "with_name"):
        return node.args[isinstance(node.func, ast.Name) :]
    return []


def holds_id(part):
    """Whether an expression is an id or a text with one."""
    return any(ast.unparse(node) in ID_NAMES for node in ast.walk(part))


def openings(sources):
    """``file:line`` of every call that opens an image file."""
    return [
        f"{name}:{node.lineno}"
        for name, text in sources.items()
        if name not in IMAGE_DOOR
        for node in ast.walk(parse(text))
        if isinstance(node, ast.Call) and dotted(node.func) in OPENING
    ]


def test_ids_become_paths_in_one_function():
    require_none(paths_of_ids(package_sources()), "puts an id into a path; use common.paths.path_of_id")


def test_images_are_opened_in_one_file():
    require_none(openings(package_sources()), "opens an image; use the readers of common.data.images")


def test_the_guard_finds_other_doors():
    assert [text for text in BAD_PATHS if not paths_of_ids({"a.py": text})] == []
    assert [text for text in GOOD_PATHS if paths_of_ids({"a.py": text})] == []
    assert [text for text in BAD_OPENINGS if not openings({"a.py": text})] == []
