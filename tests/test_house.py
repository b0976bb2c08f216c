"""What the house promises about itself: which way imports run, and that its documents say what the code does."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
APPS = ("leganize", "accounts", "rooms", "devices", "recordings", "gateway", "pages")
BETWEEN_WORKERS = {"look", "probe", "replaced"}  # never leave the installation, so they are nobody's contract
HIDDEN_HOSTS = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian.org"]
MACHINE_PATHS = re.compile(r"(?<![\w.}/])/(?:" + "|".join(["root", "work", "home/[a-z]", "Users/[A-Za-z]"]) + r")/")


def tracked(*patterns: str) -> list[Path]:
    """Return the files that belong to the project; without git, as in an unpacked archive, what lies there."""
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=HOUSE, capture_output=True, text=True)
    if listed.returncode == 0:
        return [path for line in listed.stdout.splitlines() if (path := HOUSE / line).is_file()]
    ignored = {".venv", "var", "node_modules"}
    found = {path for pattern in patterns or ("**/*",) for path in HOUSE.glob(f"**/{pattern}".replace("**/**", "**"))}
    return [path for path in found if path.is_file() and not ignored & set(path.relative_to(HOUSE).parts)]


def test_imports_run_one_way():
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_python_file_says_in_its_first_line_why_it_exists():
    speechless = []
    for path in tracked("*.py"):
        if "migrations" in path.parts:
            continue
        first = ast.get_docstring(ast.parse(path.read_text()), clean=True) or ""
        if not first.split("\n\n")[0].rstrip().endswith((".", "?", "`.")):
            speechless.append(str(path.relative_to(HOUSE)))
    assert speechless == []


def test_every_script_says_first_why_it_exists():
    speechless = []
    for path in tracked("*.js", "*.mjs", "scripts/*", "Makefile"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#!")]
        if path.suffix != ".py" and not lines[0].startswith(("//", "/*", "#")):
            speechless.append(str(path.relative_to(HOUSE)))
    assert speechless == []


def test_no_module_is_named_by_what_is_left_over():
    leftovers = {"utils", "helpers", "services", "common", "managers", "base", "misc"}
    assert [path for path in tracked("*.py", "*.js") if path.stem in leftovers] == []


def test_the_environment_variables_of_the_code_are_those_that_the_example_explains():
    settings = (HOUSE / "leganize" / "settings.py").read_text()
    read = set(re.findall(r"env(?:\.\w+|_int|_choice)\(\s*\"([A-Z0-9_]+)\"", settings))
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", (HOUSE / ".env.example").read_text(), re.M))
    assert read == explained


def test_nothing_but_the_settings_reads_the_environment():
    allowed = {"manage.py", "leganize/settings.py", "leganize/asgi.py"}
    apps = tracked(*(f"{app}/*.py" for app in APPS))
    readers = {str(path.relative_to(HOUSE)) for path in apps if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers <= allowed


def test_every_close_code_and_its_reason_is_in_the_protocol():
    table = (HOUSE / "docs" / "protocol.md").read_text().partition("## Close codes")[2]
    explained = {
        (code, reason)
        for code, reasons in re.findall(r"^\| (\d{4}) \| (.*?) \|", table, re.M)
        for reason in [*re.findall(r"`([^`]+)`", reasons), ""]
    }
    sources = "\n".join(path.read_text() for path in tracked("gateway/*.py", "rooms/*.py", "leganize/*.py"))
    said = set(re.findall(r"\b(1\d{3}|4\d{3}), \"([^\"]*)\"", sources))
    said |= {(code, "") for code in re.findall(r"\b(1008|1009|1012|44\d\d)\b", sources)}
    assert said - explained == set()


def test_every_message_is_in_the_protocol():
    protocol = (HOUSE / "docs" / "protocol.md").read_text()
    said = set()
    for path in tracked("leganize/*.py", "gateway/*.py", "rooms/*.py", "devices/board.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            said |= _message_types(node)
    missing = {kind for kind in said - BETWEEN_WORKERS if f"`{kind}`" not in protocol}
    assert said and missing == set()


def test_every_message_of_the_protocol_is_one_that_the_code_knows():
    protocol = (HOUSE / "docs" / "protocol.md").read_text()
    promised = set()
    for row in re.findall(r"^\| [\w, ]+ → [\w, ]+ \| (.*?) \|", protocol, re.M):
        promised |= set(re.findall(r"`([a-z0-9-]+)`", row))
    sources = "\n".join(path.read_text() for path in tracked("*.py") if "tests" not in path.parts)
    assert promised and {kind for kind in promised if f'"{kind}"' not in sources} == set()


def test_no_file_names_a_registry_or_a_folder_of_the_machine_it_was_written_on():
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # sound and pictures
        if any(host in text for host in HIDDEN_HOSTS) or MACHINE_PATHS.search(text):
            found.append(str(path.relative_to(HOUSE)))
    assert found == []


def test_the_two_lock_files_agree_and_every_package_is_hashed():
    locks = {name: (HOUSE / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")}
    pins = {name: _pins(text) for name, text in locks.items()}
    assert pins["requirements.lock"].items() <= pins["requirements-dev.lock"].items()
    for text in locks.values():
        for block in re.split(r"\n(?=[a-z0-9])", text):
            assert "--hash=sha256:" in block or not re.match(r"[a-z0-9]", block), block


def test_ci_runs_make_test_and_nothing_else():
    commands = [line for line in (HOUSE / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands == ["set -e", 'cd "$(dirname "$0")/.."', "exec make test"]


@pytest.mark.parametrize("recipe", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_the_files_that_a_document_names_exist(recipe):
    text = (HOUSE / recipe).read_text()
    named = set(re.findall(r"[\(`]((?:[\w.-]+/)*[\w.-]+\.(?:py|md|js|mjs|html|txt|toml|lock|png))[\)`]", text))
    missing = {name for name in named if not (HOUSE / name).exists() and not list(HOUSE.glob(f"*/{name}"))}
    assert missing == set()


def _message_types(node: ast.AST) -> set[str]:
    if isinstance(node, ast.ClassDef):
        return {word.value.value for word in node.keywords if word.arg == "tag"}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        kinds = {value.value for key, value in pairs if _is_text(key, "type") and isinstance(value, ast.Constant)}
        return {kind for kind in kinds if "." not in kind and kind != "http"}  # those are ASGI's and OpenAPI's
    return set()


def _is_text(node: ast.AST | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", lock, re.M))
