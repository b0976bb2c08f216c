"""Every word of the product is there in Thai and Russian, and what is compiled is what is written."""

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

BASE_DIR = Path(__file__).resolve().parent.parent
OUR_FOLDERS = ["accounts", "devices", "gateway", "leganize", "pages", "recordings", "rooms"]
SPEAKING = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
TEXT = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
CATALOGS = [(language, domain) for language in ("th", "ru") for domain in ("django", "djangojs")]


def po_path(language: str, domain: str) -> Path:
    return BASE_DIR / "locale" / language / "LC_MESSAGES" / f"{domain}.po"


def translations_in(path: Path) -> dict[str, list[str]]:
    """The translations of each msgid of a .po file; several where there are plural forms."""
    found: dict[str, list[str]] = {}
    for block in path.read_text("utf-8").split("\n\n"):
        said: dict[str, str] = {}
        for key, text in re.findall(r'^(?:(msg\S+) )?(".*")$', block, flags=re.M):
            key = key or list(said)[-1]
            said[key] = said.get(key, "") + ast.literal_eval(text)
        found[said["msgid"]] = [text for key, text in said.items() if key.startswith("msgstr")]
    return found


def words_of_python() -> Iterator[str]:
    paths = (path for folder in OUR_FOLDERS for path in (BASE_DIR / folder).rglob("*.py"))
    for node in (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKING:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def words_of_templates() -> Iterator[str]:
    for path in (BASE_DIR / "templates").rglob("*.html"):
        source = templatize(path.read_text("utf-8"), origin=str(path))
        for quoted in re.findall(rf"\b(?:n?gettext|_)\(u?{TEXT}", source):
            yield ast.literal_eval(quoted)


def words_of_modules() -> Iterator[str]:
    for path in (BASE_DIR / "static" / "js").rglob("*.js"):
        for quoted in re.findall(rf"\bn?gettext\(\s*{TEXT}", path.read_text("utf-8")):
            yield ast.literal_eval(quoted)


@pytest.mark.parametrize(("language", "domain"), CATALOGS)
def test_every_word_has_its_translation(language, domain):
    spoken = {*words_of_modules()} if domain == "djangojs" else {*words_of_python(), *words_of_templates()}
    assert len(spoken) > 100, "the words are no longer found"
    assert sorted(spoken - set(translations_in(po_path(language, domain)))) == []


@pytest.mark.parametrize(("language", "domain"), CATALOGS)
def test_no_translation_is_empty_doubtful_or_of_this_machine(language, domain):
    path = po_path(language, domain)
    assert "fuzzy" not in path.read_text("utf-8")
    assert str(BASE_DIR) not in path.read_text("utf-8")
    assert [msgid for msgid, forms in translations_in(path).items() if not all(forms)] == []


@pytest.mark.parametrize(("language", "domain"), CATALOGS)
def test_what_is_compiled_is_what_is_written(language, domain):
    path = po_path(language, domain)
    compiled = gettext.GNUTranslations(io.BytesIO(path.with_suffix(".mo").read_bytes()))
    for msgid, forms in translations_in(path).items():
        if msgid and len(forms) == 1:
            # Thai has one form for any number, kept under its number
            assert compiled._catalog.get(msgid, compiled._catalog.get((msgid, 0))) == forms[0]
        elif msgid:
            assert [compiled._catalog[msgid, number] for number in range(len(forms))] == forms


@pytest.mark.parametrize(("language", "domain"), CATALOGS)
def test_a_translation_keeps_the_places_for_values(language, domain):
    for msgid, forms in translations_in(po_path(language, domain)).items():
        places = set(re.findall(r"%\(\w+\)[sd]", msgid))
        for form in forms:
            assert not msgid or set(re.findall(r"%\(\w+\)[sd]", form)) == places, msgid
