"""The Evaluation and Training panels: what they show of a checkpoint, as JSON that the page draws with Plotly."""
