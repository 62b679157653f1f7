"""The table of the catalogue in docs/models.md says what the catalogue says."""

from pathlib import Path

from visard.models.store.spec import TASKS, ModelSpec, catalogue

FOR = {
    "one_shot": "swapper `one_shot`",
    "identity": "what `one_shot` knows people by",
    "converter": "what some of `one_shot` need beside it",
    "enhance": "`--enhancer {family}`",
    "occlude": "`--occluder {family}`",
    "fomm": "animator `fomm`",
    "liveportrait": "animator `liveportrait`",
}


def table() -> str:
    """Return the table as it has to be: to bring the document up to date, print it."""
    rows = [_row(spec) for task in TASKS for spec in catalogue().values() if spec.task == task]
    head = "| model | for | licence of the weights | needs | comes by |\n|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(spec: ModelSpec) -> tuple[str, ...]:
    licence = spec.licence.id + ("" if spec.licence.commercial else ", no commercial use")
    needs = ", ".join(f"`{name}`" for name in spec.needs)
    comes = "fetch or import" if spec.fetchable else "import"
    return f"`{spec.name}`", FOR[spec.task].format(family=spec.family), licence, needs, comes


def test_the_document_says_what_the_catalogue_says(repository: Path) -> None:
    document = (repository / "docs" / "models.md").read_text(encoding="utf-8")
    found = [block for block in document.split("\n\n") if block.startswith("| model | for |")]
    assert found == [table().rstrip()]


def test_no_swapper_of_others_runs_on_free_licences_alone() -> None:
    """The document says so; when it is no longer so, it has to be changed."""
    known = catalogue()
    for spec in known.values():
        if spec.task == "one_shot":
            whole = (spec, *(known[name] for name in spec.needs))
            assert not all(each.licence.commercial for each in whole)


def test_whatever_is_needed_is_in_the_catalogue() -> None:
    known = catalogue()
    assert all(name in known and not known[name].needs for spec in known.values() for name in spec.needs)
