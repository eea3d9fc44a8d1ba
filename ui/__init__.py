"""The operator's console in the browser: Gradio for its layout, one WebSocket for everything live."""
