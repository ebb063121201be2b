"""What a process shows of its objects and updates: gauges made of the caches, and the exemplars of histograms."""
