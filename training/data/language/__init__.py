"""Words, tables and sentences of the planner's language data."""
