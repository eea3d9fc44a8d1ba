"""Gradio's theme for the console. The console's own look is in static/console.css."""

from __future__ import annotations

import gradio as gr

HEAD = """
<meta name="color-scheme" content="dark light">
<link rel="icon" href="/clap/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/clap/static/console.css">
<script type="module" src="/clap/static/console.js"></script>
"""


def theme() -> gr.themes.Base:
    """A slate and sky theme whose surfaces are the console's own colours."""
    fonts = ("Inter", "system-ui", "sans-serif")
    return gr.themes.Base(
        primary_hue="sky",
        neutral_hue="slate",
        font=fonts,
        font_mono=("ui-monospace", "SFMono-Regular", "Menlo", "monospace"),
        radius_size="md",
        spacing_size="sm",
        text_size="sm",
    ).set(
        body_background_fill="var(--c-page)",
        body_background_fill_dark="var(--c-page)",
        body_text_color="var(--c-text)",
        body_text_color_dark="var(--c-text)",
        input_background_fill="var(--c-input)",
        input_background_fill_dark="var(--c-input)",
        input_border_color="var(--c-line)",
        input_border_color_dark="var(--c-line)",
        button_secondary_background_fill="var(--c-button)",
        button_secondary_background_fill_dark="var(--c-button)",
        button_secondary_background_fill_hover="var(--c-button-hover)",
        button_secondary_background_fill_hover_dark="var(--c-button-hover)",
        button_secondary_text_color="var(--c-text)",
        button_secondary_text_color_dark="var(--c-text)",
        button_primary_background_fill="#0369a1",
        button_primary_background_fill_dark="#0369a1",
        button_primary_background_fill_hover="#0284c7",
        button_primary_background_fill_hover_dark="#0284c7",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
    )
