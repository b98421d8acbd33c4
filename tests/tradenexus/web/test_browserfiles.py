"""Browser files under hashed names: kept for good by browsers, collected only when one changed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

from tradenexus.web import browserfiles

VENDOR = project.BASE_DIR / "static" / "vendor"
IMPORT = re.compile(r"""\b(?:from|import)\s*["'](\.{1,2}/[^"']+)["']""")


@pytest.fixture
def own(tmp_path):
    """A folder of sources beside those of the apps."""
    folder = tmp_path / "own"
    (folder / "ui").mkdir(parents=True)
    (folder / "ui" / "one.js").write_text('import { two } from "./two.js";\n// said: import nothing from here\n')
    (folder / "ui" / "two.js").write_text("export const two = 2;\n")
    (folder / "ui" / "look.css").write_text('body { background: url("dot.svg"); }\n')
    (folder / "ui" / "dot.svg").write_text("<svg/>")
    return folder


@pytest.fixture
def collect(settings, tmp_path, own):
    """A function that collects the small sources; returns the folder."""
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STATICFILES_DIRS = [own]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]

    def run(**options) -> Path:
        call_command("browserfiles", **options)
        staticfiles_storage.hashed_files = staticfiles_storage.load_manifest()[0]
        return Path(settings.STATIC_ROOT)

    return run


def test_imports_and_style_sheets_name_hashed_files(collect):
    root = collect()
    script = root / static("ui/one.js").removeprefix("/static/")
    named = IMPORT.findall(script.read_text())
    assert len(named) == 1
    assert re.fullmatch(r"\./two\.[0-9a-f]{12}\.js", named[0])
    assert (script.parent / named[0]).read_text() == "export const two = 2;\n"
    assert "import nothing from here" in script.read_text()
    assert re.search(r"dot\.[0-9a-f]{12}\.svg", (root / static("ui/look.css").removeprefix("/static/")).read_text())


def test_a_change_in_an_imported_script_changes_the_name_of_what_imports_it(collect, own):
    collect()
    before = static("ui/one.js")
    (own / "ui" / "two.js").write_text("export const two = 3;\n")
    root = collect()
    assert static("ui/one.js") != before
    assert (root / before.removeprefix("/static/")).exists(), "a page that is open still asks for the old name"


def test_nothing_is_collected_again_until_something_changed(collect, own):
    root = collect()
    assert browserfiles.is_collected()
    manifest = root / "staticfiles.json"
    manifest.write_text(manifest.read_text() + " ")
    collect()
    assert manifest.read_text().endswith(" "), "it was collected again"
    (own / "ui" / "new.js").write_text("1;\n")
    assert not browserfiles.is_collected()
    collect()
    assert not manifest.read_text().endswith(" ")


def test_a_source_older_than_its_copy_is_collected_too(collect, own):
    collect()
    (own / "ui" / "two.js").write_text("export const two = 1;\n")
    os.utime(own / "ui" / "two.js", (1, 1))
    root = collect()
    assert (root / "ui" / "two.js").read_text() == "export const two = 1;\n"


def test_a_collection_that_was_cut_off_is_made_again(collect):
    root = collect()
    (root / browserfiles.STAMP).unlink()
    assert not browserfiles.is_collected()
    collect()
    assert browserfiles.is_collected()
    (root / "staticfiles.json").unlink()
    assert not browserfiles.is_collected()


def test_hashed_names_are_kept_for_good_and_plain_ones_asked_for_again(collect):
    collect()
    serve = WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))
    hashed = serve(RequestFactory().get(static("ui/one.js")))
    plain = serve(RequestFactory().get("/static/ui/one.js"))
    assert hashed.status_code == plain.status_code == 200
    assert hashed["Cache-Control"] == "max-age=315360000, public, immutable"
    assert "immutable" not in plain["Cache-Control"]
    assert "max-age=0" in plain["Cache-Control"]


def test_a_name_that_is_not_there_is_an_error_once_files_are_collected(collect):
    collect()
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        static("ui/nowhere.js")


def test_pages_name_plain_files_where_nothing_was_collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "nothing"
    assert static("ui/app.css") == "/static/ui/app.css"


def test_while_debugging_files_keep_their_names(collect, settings):
    collect()
    settings.DEBUG = True
    assert static("ui/one.js") == "/static/ui/one.js"


@pytest.mark.skipif(
    not os.path.isdir(project.BASE_DIR / "static" / "vendor"), reason="LEFT OUT: make setup copies them"
)
def test_every_import_of_ours_leads_to_a_hashed_file(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "collected"
    call_command("browserfiles")
    root = Path(settings.STATIC_ROOT)
    hashed = [path for path in (root / "ui").glob("*.js") if re.fullmatch(r".+\.[0-9a-f]{12}\.js", path.name)]
    assert len(hashed) == len(list((project.BASE_DIR / "static" / "ui").glob("*.js")))
    for path in hashed:
        for name in IMPORT.findall(path.read_text()):
            assert re.search(r"\.[0-9a-f]{12}\.m?js$", name), f"{path.name} imports {name}"
            assert (path.parent / name).exists(), f"{path.name} imports {name}"
