"""Sphinx configuration. The build needs no network."""

import os
import re
import warnings

import skkernels

project = "skkernels"
author = "The skkernels developers"
copyright = f"2026, {author}"
version = release = skkernels.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst"]

# Links into other projects' manuals need their inventories from the network, so they
# are made only where somebody asks for them.
if os.environ.get("SKKERNELS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_timeout = 10
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "joblib": ("https://joblib.readthedocs.io/en/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numba": ("https://numba.readthedocs.io/en/stable", None),
    }

autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# "$" and ">>>" are not part of a command.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "doc_module": "skkernels",
    "backreferences_dir": "generated",
    "reference_url": {"skkernels": None},
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"/plot_",
    "plot_gallery": True,
    "show_memory": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "parallel": False,
    # Numba keeps what it has compiled.
    "reset_modules": ("matplotlib",),
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}
# Figures are saved by the gallery, not shown.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

html_theme = "pydata_sphinx_theme"
html_title = f"skkernels {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "show_nav_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
# Three narrow pages need no sidebar of sections.
html_sidebars = {"install": [], "troubleshooting": [], "benchmarks": []}


def _plain_references(app, what, name, obj, options, lines):
    """Turn scikit-learn's references into text where its inventory is not loaded."""
    if not getattr(obj, "__module__", "").startswith("sklearn."):
        return
    text = "\n".join(lines)
    text = re.sub(r":(?:ref|term):`([^<`]+?)(?:\s*<[^>`]*>)?`", r"\1", text)
    lines[:] = text.split("\n")


def _escape_shapes(app, what, name, obj, options, lines):
    """Keep fitted attributes in shapes, as in "(n_iter_,)", from becoming links."""
    for i, line in enumerate(lines):
        head, word, shape = line.partition("shape (")
        if word and " : " in head:
            lines[i] = head + word + re.sub(r"(?<=\w)_(?=\W)", r"\\_", shape)


def setup(app):
    # Before numpydoc, which listens at priority 500.
    app.connect("autodoc-process-docstring", _escape_shapes, priority=400)
    if not os.environ.get("SKKERNELS_INTERSPHINX"):
        app.connect("autodoc-process-docstring", _plain_references)
