"""One instruction's run without threads or input and output: plan, predict, judge, execute, correct."""
