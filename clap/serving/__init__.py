"""The planner as an OpenAI-compatible server: requests, their turn at the model, and the HTTP around them."""
