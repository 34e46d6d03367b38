"""Charts of numbers: curves, bars and histograms."""
