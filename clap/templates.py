"""Pages and documents from Jinja2 templates, which lie in the folder ``templates`` of the package that fills them."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def fill_template(package: str, name: str, **values: Any) -> str:
    """A package's template with its values. What goes into HTML is escaped; a value that is missing is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= values  # also for the macros that a template imports
    return environment.get_template(name).render()
