"""The repository itself: pins with hashes, plain shell, words and sizes we agreed on, documents that tell the truth."""

from __future__ import annotations

import ast
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("station", "drivers", "offline_queue", "firmware_profiles")
SCRIPTS = ("run", ".ci/run", ".ci/lock", ".ci/cc-without-m64", ".ci/release")
LOCKS = ("base", "test", "dev", "build", "nbis-glibc238", "nbis-debian12")
MODULE_LINES, FUNCTION_LINES = 330, 40
LITERAL_LINES = 25  # a literal longer than this is a table, and tables are not counted
SKIPPED = {
    ".git",
    ".hypothesis",
    "demo-out",
    "kiosk-out",
    "__pycache__",
    "htmlcov",
    "build",
    "dist",
    "node_modules",
}


def modules(repo: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((repo / package).rglob("*.py"))


def text_files(repo: Path) -> Iterator[Path]:
    """What is or could be committed; environments and caches are not."""
    for path in sorted(repo.rglob("*")):
        parts = path.relative_to(repo).parts
        hidden = any(
            part in SKIPPED or part.startswith((".venv", ".run", ".mypy", ".pytest", ".ruff", ".coverage"))
            for part in parts
        )
        if path.is_file() and not hidden and path.suffix in TEXT:
            yield path


TEXT = {
    "",
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".in",
    ".sh",
    ".service",
    ".html",
    ".css",
    ".js",
    ".json",
    ".rules",
    ".conf",
}


# ---------------------------------------------------------------- requirements


def pins(repo: Path, name: str) -> dict[str, str]:
    """package → the rest of its entry: version, marker and hashes."""
    text = (repo / f"requirements/{name}.txt").read_text("utf-8")
    entries = re.findall(r"(?m)^([a-z0-9._-]+)==((?:.*\\\n)*.*)$", text)
    return dict(entries)


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_no_address(repo: Path, name: str) -> None:
    text = (repo / f"requirements/{name}.txt").read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = pins(repo, name)
    assert entries
    assert [package for package, rest in entries.items() if "--hash=sha256:" not in rest] == []
    requirements = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(requirements) == len(entries), "the same package twice: numbers would differ between machines"


def normal(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-").replace(".", "-")


def test_everything_the_project_asks_for_is_in_its_lock(repo: Path) -> None:
    project = tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = {"base": project["dependencies"], "test": extras["test"], "dev": extras["dev"]}
    for name, requirements in asked.items():
        assert {normal(one) for one in requirements} <= set(pins(repo, name)), f"{name}: run ./run lock"


def test_each_lock_holds_the_smaller_one_unchanged(repo: Path) -> None:
    base, test, dev = (pins(repo, name) for name in ("base", "test", "dev"))
    assert pinned(base) <= pinned(test) <= pinned(dev)


def pinned(lock: dict[str, str]) -> set[tuple[str, str]]:
    """Version and hashes; the marker may narrow when fewer packages ask for one."""
    return {(name, re.sub(r"^(\S+)[^\\]*", r"\1", rest)) for name, rest in lock.items()}


# ---------------------------------------------------------------- scripts


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_executable_plain_shell(repo: Path, name: str) -> None:
    script = repo / name
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text("utf-8").startswith("#!/bin/sh\n")
    shell = shutil.which("dash") or "sh"
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0


def test_make_and_run_offer_the_same_verbs(repo: Path) -> None:
    run = (repo / "run").read_text("utf-8")
    verbs = re.findall(r"(?m)^  (\w+)(?: \[\w+\])?  +\S", run.split("<<'TEXT'")[1].split("\nTEXT\n")[0])
    makefile = (repo / "Makefile").read_text("utf-8")
    targets = re.findall(r"(?m)^([a-z ]+):$", makefile)
    assert set(targets[0].split()) == set(verbs)


def test_an_unknown_verb_is_a_usage_error_and_installs_nothing(repo: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "STATION_VENV": str(tmp_path / "venv")}
    found = subprocess.run(
        [repo / "run", "dance"], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stderr.startswith("usage: ./run VERB")
    assert list(tmp_path.iterdir()) == []


def test_the_compiler_wrapper_drops_one_flag_and_keeps_the_rest(repo: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    compiler.chmod(0o755)
    command = [str(repo / ".ci/cc-without-m64"), "-DA=a b", "-m64", "-c", "x y.c", "-m64"]
    found = subprocess.run(command, env={"PATH": "/usr/bin:/bin", "CC_WITHOUT_M64": str(compiler)}, capture_output=True,
                           text=True, check=True)  # fmt: skip
    assert found.stdout.splitlines() == ["-DA=a b", "-c", "x y.c"]


# ---------------------------------------------------------------- what is skipped


REMEDY = re.compile(r"\(Debian: |\./run |\bset [A-Z_]+|\brun (it|as|on)\b|\binstall\b")
"""What would make a skipped test run: a Debian package, a verb, a variable, another machine."""


def test_every_skip_says_what_would_make_the_test_run(repo: Path) -> None:
    silent = []
    for path in sorted((repo / "tests").rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SKIPS:
                words = [ast.unparse(each) for each in (*node.args, *(key.value for key in node.keywords))]
                if not any(REMEDY.search(word) or WHY_NOT.fullmatch(word) for word in words):
                    silent.append(f"{path.relative_to(repo)}:{node.lineno}: {words[-1]}")
    assert silent == []


SKIPS = {"pytest.skip", "pytest.importorskip", "pytest.mark.skipif", "pytest.mark.skip"}
WHY_NOT = re.compile(r".*why_not\(\).*|refused|_REASON")
"""These say it themselves: station/bench/queue_shim.py, and the tests on attached readers, which name the setting."""


# ---------------------------------------------------------------- what we write, and how long


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def table_lines(tree: ast.Module) -> int:
    """Lines of long literals at the top level: tables of a standard."""
    values = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    spans = [(value.end_lineno or value.lineno) - value.lineno + 1 for value in values]
    return sum(span for span in spans if span > LITERAL_LINES)


def test_every_module_says_what_it_is(repo: Path) -> None:
    silent = [
        str(p.relative_to(repo)) for p in modules(repo) if p.read_text("utf-8").strip() and not docstring(p)
    ]
    assert silent == []


def docstring(path: Path) -> str | None:
    return ast.get_docstring(tree_of(path))


def test_no_module_is_too_long_to_read(repo: Path) -> None:
    lengths = {p: len(p.read_text("utf-8").splitlines()) - table_lines(tree_of(p)) for p in modules(repo)}
    assert {str(p.relative_to(repo)): n for p, n in lengths.items() if n > MODULE_LINES} == {}


def test_no_function_is_too_long_to_read(repo: Path) -> None:
    long = {}
    for path in modules(repo):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = (
                    node.body[0].lineno
                    if len(node.body) == 1 or not ast.get_docstring(node)
                    else node.body[1].lineno
                )
                length = (node.end_lineno or first) - first + 2
                if length > FUNCTION_LINES:
                    long[f"{path.relative_to(repo)}:{node.name}"] = length
    assert long == {}


def test_systemd_folder_does_not_shadow_the_systemd_package(repo: Path) -> None:
    assert not (repo / "systemd/__init__.py").exists()


def test_nothing_names_a_registry_or_the_machine_it_was_written_on(repo: Path) -> None:
    telltale = re.compile(
        "|".join(
            ["pypi" + r"\.org", "pythonhosted", "deb\\.debian" + r"\.org", "/wo" + "rk/", "index-" + "url"]
        )
    )
    found = [
        f"{path.relative_to(repo)}: {match[0]}"
        for path in text_files(repo)
        if path.name != Path(__file__).name
        for match in [telltale.search(path.read_text("utf-8", errors="replace"))]
        if match and not (path.name == "lock" and match[0] == "index-" + "url")
    ]
    assert found == []


# ---------------------------------------------------------------- documents


def documents(repo: Path) -> list[Path]:
    return [path for path in text_files(repo) if path.suffix == ".md"]


def test_every_link_in_the_documents_leads_somewhere(repo: Path) -> None:
    broken = []
    for path in documents(repo):
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
            if "://" not in target and not target.startswith(("#", "mailto:")):
                file = path.parent / target.partition("#")[0]
                if not file.exists():
                    broken.append(f"{path.relative_to(repo)}: {target}")
    assert broken == []


def test_every_path_in_the_architecture_exists(repo: Path) -> None:
    text = (repo / "docs/architecture.md").read_text("utf-8")
    named = set(
        re.findall(
            r"`((?:station|drivers|offline_queue|firmware_profiles|systemd|tests|docs)/[\w./-]*)`", text
        )
    )
    assert named
    assert [name for name in sorted(named) if not (repo / name).exists()] == []


def test_decisions_are_numbered_without_gaps_and_say_why(repo: Path) -> None:
    decisions = sorted((repo / "docs/decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(len(decisions)))
    for path in decisions[1:]:
        text = path.read_text("utf-8")
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Consequences")), path.name


def test_every_family_of_error_codes_is_documented(repo: Path) -> None:
    documented = set(re.findall(r"(?m)^\| `([a-z]+)\.` \|", (repo / "docs/errors.md").read_text("utf-8")))
    raised = {code.partition(".")[0] for path in modules(repo) for code in codes_raised(tree_of(path))}
    assert raised - documented == set()


def codes_raised(tree: ast.Module) -> set[str]:
    """The literal first arguments of errors that are made: `LinkError("link.busy", …)`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    made = [
        node.args[0].value
        for node in calls
        if isinstance(node.func, ast.Name)
        and re.search(r"(Error|Retry|Fault|Finding|Conflict|Refused)$", node.func.id)
        and isinstance(node.args[0], ast.Constant)
    ]
    return {str(value) for value in made if re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+", str(value))}
