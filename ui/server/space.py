"""What is different on a Hugging Face Space: whoever comes may use it, in a simulated world of their own.

A Space starts ``python app.py`` without options and shows the page in a frame of huggingface.co.
"""

from __future__ import annotations

from collections.abc import Mapping

SITE = "https://huggingface.co"
WORLDS = 2
"""One for each processor of the smallest Space."""


def space_options(environment: Mapping[str, str]) -> list[str]:
    """The options of app.py on a Space, which its ``environment`` tells; none elsewhere.

    With a login (CLAP_AUTH among the Space's secrets) only who knows it may come; the page then has to be opened at
    the Space's own address, since no frame shows the form to log in.
    """
    if not environment.get("SPACE_ID"):
        return []
    options = ["--host", environment.get("GRADIO_SERVER_NAME", "0.0.0.0"), "--worlds", str(WORLDS)]
    options += ["--port", environment.get("GRADIO_SERVER_PORT", "7860"), "--embed-in", SITE]
    if host := environment.get("SPACE_HOST"):
        options += ["--allow-host", host]
    return options if "CLAP_AUTH" in environment else [*options, "--public"]
