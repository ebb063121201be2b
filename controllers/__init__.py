"""The three controllers and the packages they are made of."""
