"""The web server: who may come in, who operates, the live link of each page, and its limits."""
