"""Configuration of the documentation: `sphinx-build -W docs docs/_build`."""

import re
from typing import Any

from sphinx.application import Sphinx

from arya_api_framework.version import __version__

project = "arya_api_framework"
author = "The arya_api_framework developers"
copyright = f"2026, {author}"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "changes"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # Signatures and sections say it; options are typed in one place.
napoleon_custom_sections = [("Class keywords", "params_style")]
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"{project} {release}"


def translate_markdown(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn the `code` and the fenced blocks of a docstring into reStructuredText."""
    inside = ""
    result: list[str] = []
    for line in lines:
        indent, fence, language = line.partition("```")
        if fence and not indent.strip():
            if not inside:
                result += ["", f"{indent}.. code-block:: {language or 'text'}", ""]
            inside = "" if inside else fence
        elif inside:
            result.append(f"    {line}")
        else:
            result.append(re.sub(r"(?<![`:])`([^`]+)`(?!`)", r"``\1``", line))
    lines[:] = result


def setup(app: Sphinx) -> None:
    """Have docstrings translated before napoleon reads their sections."""
    app.connect("autodoc-process-docstring", translate_markdown, priority=100)
