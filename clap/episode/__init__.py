"""One instruction's run under an operator: verbs that return at once, events that tell the rest."""
