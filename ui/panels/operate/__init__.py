"""One file a card: each has a ``build`` that adds it to the page; its behaviour is in static/, under the same name."""
