"""What the cards share."""

from __future__ import annotations

import gradio as gr


def shell(html: str, elem_id: str) -> gr.HTML:
    """Fixed markup that the page's own script fills in. The script sets text as text, never as HTML."""
    return gr.HTML(html_template=html, js_on_load=None, elem_id=elem_id, apply_default_css=False)


def heading(title: str) -> gr.HTML:
    """A card's heading."""
    return gr.HTML(html_template=f'<h2 class="c-heading">{title}</h2>', js_on_load=None, apply_default_css=False)


def command(label: str, verb: str, primary: bool = False, scale: int = 1) -> gr.Button:
    """A button that sends a verb over the live link; the page's script enables it when the state allows the verb."""
    button = gr.Button(
        label,
        variant="primary" if primary else "secondary",
        size="md" if primary else "sm",
        elem_id=f"c-do-{verb}",
        elem_classes="c-command",
        min_width=60,
        scale=scale,
    )
    button.click(None, js=f"() => window.__clap.command({verb!r})", api_visibility="private")
    return button
