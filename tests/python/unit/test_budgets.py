"""The project stays small enough to be read: budgets of lines, printed with what is left of them."""

from pathlib import Path

import pytest

from support.installation import PROJECT

PACKAGE = PROJECT / "python" / "likely_buyers"
MODULE = 350
# lines of all files of a kind below a folder; a budget falls when something is deleted, and rises only for what is new
# to users, which is named here
FOLDERS = {
    # 1,240, 130 for outcomes, features of seasons and gaps, and orders out of proportion, 420 for Spark, 80 for days of
    # users that came out of their model, so that scores between builds are made of the same, 40 for drift, 10 for the
    # stream on Spark, 120 for loads of millions of lines and for contracts there, and 60 for ranks that need no sort of
    # everybody, CHECKs of new tables on Spark, results of campaigns of any outcome, and relations named in other forms
    "macros": ("*.sql", 2_190),
    # 1,000, 40 for models named by their outcomes, 260 for the flavor that MLflow clients load, 20 for stages, and 30
    # for what a version was trained on
    "python/likely_buyers/registry": ("*.py", 1_350),
    # 1,000, 30 for tables and files of somebody else, which are refused, and 60 for days that gold has no more, which
    # are removed and told, or refused
    "python/likely_buyers/publishing": ("*.py", 1_090),
}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_longer_than_a_reader_keeps_in_mind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sizes = {str(path.relative_to(PROJECT)): lines_of(path) for path in PACKAGE.rglob("*.py")}
    longest = max(sizes, key=lambda name: sizes[name])
    with capsys.disabled():
        print(
            f"\n{len(sizes)} modules, {sum(sizes.values()):,} lines; the longest is {longest} with {sizes[longest]}"
        )
    assert {name: size for name, size in sizes.items() if size > MODULE} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_keeps_its_budget(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    pattern, budget = FOLDERS[folder]
    used = sum(lines_of(path) for path in (PROJECT / folder).rglob(pattern))
    with capsys.disabled():
        print(f"\n{folder}: {used:,} of {budget:,} lines")
    assert used <= budget, (
        f"{folder} has {used:,} lines, its budget is {budget:,}: find what no longer serves"
    )
