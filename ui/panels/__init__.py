"""What the page shows, panel by panel: what Gradio lays out, and what the server answers for it."""
