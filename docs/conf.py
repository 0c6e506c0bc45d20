import re
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

root = Path(__file__).resolve().parent.parent
with open(root / "pyproject.toml", "rb") as file:
    release = tomllib.load(file)["project"]["version"]

project = "pinnlab"
author = "The pinnlab developers"
project_copyright = author
version = release

extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",  # formulas without a foreign server
]  # fmt: skip
exclude_patterns = ["benchmarks", "_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"pinnlab {release}"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?e[-+]?\d+)")


def keep_numbers_whole(_: Sphinx, page: nodes.document, __: str) -> None:
    """Give 1.3e-09 a class of its own: browsers break it at its hyphen, and columns become as narrow as one half of it."""
    for text in [*page.findall(nodes.Text)]:
        parts = NUMBER.split(text.astext())
        if len(parts) > 1 and isinstance(text.parent, nodes.paragraph | nodes.strong | nodes.emphasis):
            new = [
                nodes.inline("", part, classes=["number"]) if i % 2 else nodes.Text(part)
                for i, part in enumerate(parts)
            ]
            text.parent.replace(text, new)


def setup(app: Sphinx) -> None:
    app.connect("doctree-resolved", keep_numbers_whole)
