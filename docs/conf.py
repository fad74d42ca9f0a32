"""How the documentation is built: ``make docs``."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import cryodata
from cryodata import errors

project = "cryodata"
author = "The cryodata developers"
copyright = author
version = release = cryodata.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True
show_warning_types = True
language = "en"

myst_heading_anchors = 3  # links to headings work as they do on GitHub

# Docstrings are numpydoc: types are words for people, not names to link.
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
toc_object_entries_show_parents = "hide"
autosummary_generate = (
    False  # numpydoc brings autosummary; pages of the reference are written by hand
)
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
python_maximum_signature_line_length = 80

html_theme = "pydata_sphinx_theme"
html_title = "cryodata"
html_static_path = ["_static"]
html_css_files = ["cryodata.css"]
html_show_sourcelink = False
html_copy_source = False
html_domain_indices = False
html_theme_options: dict[str, Any] = {
    "logo": {"text": "cryodata"},
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": [],
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "benchmarks": [],
    },  # its tables are wide
}
html_sidebars = {"index": [], "quickstart": []}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"


GIVEN = {
    "cryodata.Plan",
    "cryodata.accessor.CryoAccessor",
    "cryodata.references.references.References",
    "cryodata.sandbox.Sky",
    "cryodata.sandbox.earthdata.Earth",
}


def plain_words(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Take `name` of a docstring for code where it names no documented object.

    Docstrings put arguments, attributes of other objects and names of modules between
    single backticks, too; those of errors are linked. What begins with ``cryodata.``
    and is public has to be documented: it stays a reference, and one that leads nowhere
    ends the build.
    """
    target = str(node.get("reftarget", ""))
    if (
        node.get("refdomain") != "py"
        or node.get("reftype") != "obj"
        or is_public(target)
    ):
        return None
    if target in errors.__all__:
        domain, full = env.domains["py"], f"cryodata.errors.{target}"
        found = domain.resolve_xref(
            env, node["refdoc"], app.builder, "obj", full, node, content
        )
        return found if found is not None else content
    return content


def without_making(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, args: str, returns: str
) -> tuple[str, None] | None:
    """Leave out how to make what users are given and never make."""
    return ("", None) if name in GIVEN else None


def is_public(target: str) -> bool:
    """Whether a name is one that the package shows."""
    parts = target.split(".")
    if parts[0] != "cryodata" or len(parts) == 1:
        return False
    return parts[1] in cryodata.__all__


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what this file adds to Sphinx."""
    app.connect("missing-reference", plain_words)
    app.connect("autodoc-process-signature", without_making)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
