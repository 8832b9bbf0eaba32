"""Nothing a user downloads can run code: no unpickling, no eval, no unsafe yaml; and nothing is fetched at import.

The bad snippets below are cut in two where a plain text search for the same sins would otherwise find them here.
"""

import ast

from tests.guards.source import all_sources, called_name, dotted, package_sources, parse, require_none

UNPICKLING_MODULES = {"cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), "runs code"),
    **dict.fromkeys(("pickle.load", "pickle.loads", "pickle.Unpickler"), "unpickles; derive a restricted Unpickler"),
    **dict.fromkeys(("pd.read_pickle", "pandas.read_pickle"), "unpickles"),
    **dict.fromkeys(("os.system", "os.popen"), "runs a shell"),
}
NETWORK_MODULES = {
    *("ftplib", "gdown", "http.client", "httpx", "huggingface_hub", "requests", "torch.hub", "urllib.request"),
    *("urllib3", "wget"),
}
FETCHING_CALLS = {"hf_hub_download", "load_state_dict_from_url", "urlopen", "urlretrieve", "download_url_to_file"}

UNSAFE = [
    "torch." + "load(path)",
    "torch." + "load(path, weights_only=False)",
    "torch." + "load(path, weights_only=safe)",
    "from torch import load",
    "pickle." + "load(file)",
    "pickle." + "loads(data)",
    "pickle.Unpickler(file).load()",
    "from pickle import loads",
    "import dill",
    "from joblib import load",
    "import shelve, marshal",
    "np.load(path, allow_pickle" + "=True)",
    "np.load(path, allow_pickle=trusted)",
    "ev" + "al(text)",
    "ex" + "ec(text)",
    "yaml.load(text)",
    "yaml.load(text, Loader=yaml.Loader)",
    "yaml.unsafe_load(text)",
    "yaml.full_load(text)",
    "from yaml import load",
    "os.system(command)",
    "subprocess.run(command, shell=True)",
]
SAFE = [
    "torch.load(path, map_location='cpu', weights_only=True)",
    "np.load(path)",
    "np.load(path, allow_pickle=False)",
    "model.eval()",
    "torch.compile(model)",
    "re.compile(pattern)",
    "yaml.safe_load(text)",
    "json.load(file)",
    "class Restricted(pickle.Unpickler): ...",
    "subprocess.run(['bash', script], shell=False)",
]
FETCHING = [
    "import urllib.request",
    "from urllib import request",
    "import requests as net",
    "from torch.hub import load_state_dict_from_url",
    "class Weights:\n    state = load_state_dict_from_url(address)",
    "if True:\n    urlretrieve(address, path)",
]
NOT_FETCHING = [
    "def fetch(address):\n    import urllib.request\n    urlopen(address)",
    "from urllib.parse import urlparse",
]


def unsafe_code(text: str) -> list[str]:
    """What in a Python text could execute code from a data file, as ``line: what``."""
    found = []
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Call):
            found += [f"{node.lineno}: {ast.unparse(node)} {why}" for why in unsafe_call(node)]
        elif isinstance(node, ast.Import):
            found += [f"{node.lineno}: {name.name}" for name in node.names if name.name in UNPICKLING_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{name.name}" for name in node.names}
            hidden = {name for name in names if is_hidden_loader(name)}
            found += [f"{node.lineno}: {name}; import the module, so that the call can be read" for name in hidden]
    return found


def is_hidden_loader(name: str) -> bool:
    """Whether importing ``name`` by itself would hide an unpickling call from :func:`unsafe_call`."""
    module, _, last = name.rpartition(".")
    return module in UNPICKLING_MODULES or (
        module in ("pickle", "torch", "yaml") and last.startswith(("load", "full_"))
    )


def unsafe_call(call: ast.Call) -> list[str]:
    name = dotted(call.func)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    reasons = [UNSAFE_CALLS[name]] if name in UNSAFE_CALLS else []
    if name == "torch.load" and not is_constant(keywords.get("weights_only"), True):
        reasons.append("needs weights_only=True, spelled out")
    if "allow_pickle" in keywords and not is_constant(keywords["allow_pickle"], False):
        reasons.append("unpickles")
    if name.startswith("yaml.") and "load" in called_name(call) and not called_name(call).startswith("safe_load"):
        reasons.append("builds any object; use yaml.safe_load")
    if "shell" in keywords and not is_constant(keywords["shell"], False):
        reasons.append("runs a shell")
    return reasons


def is_constant(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def fetches_at_import(text: str) -> list[str]:
    """What a Python text loads or calls at module level that reaches the network."""
    found = []
    waiting: list[ast.AST] = [parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name in NETWORK_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {str(node.module), *(f"{node.module}.{name.name}" for name in node.names)}
            found += sorted(names & NETWORK_MODULES)
        elif isinstance(node, ast.Call) and called_name(node) in FETCHING_CALLS:
            found.append(ast.unparse(node))
    return found


def test_no_file_loads_unsafely() -> None:
    found = [f"{name}:{what}" for name, text in all_sources(".py").items() for what in unsafe_code(text)]
    require_none(found, "a file that somebody downloads must not be able to run code")


def test_no_file_fetches_at_import() -> None:
    found = [f"{name}: {what}" for name, text in package_sources().items() for what in fetches_at_import(text)]
    require_none(found, "importing the toolbox must not reach the network")


def test_unsafe_code_is_found() -> None:
    assert [text for text in UNSAFE if not unsafe_code(text)] == []


def test_safe_code_passes() -> None:
    assert [text for text in SAFE if unsafe_code(text)] == []


def test_a_fetch_at_import_is_found() -> None:
    assert [text for text in FETCHING if not fetches_at_import(text)] == []


def test_a_fetch_that_is_asked_for_passes() -> None:
    assert [text for text in NOT_FETCHING if fetches_at_import(text)] == []
