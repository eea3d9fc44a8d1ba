"""The fine action predictor (paper, section 4.2): encoders, Multi-View Transformer, heatmaps and heads."""
