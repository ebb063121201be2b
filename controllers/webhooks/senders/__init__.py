"""One module for each type of sender: how it shows who it is, and what its payload says. `table` lists them."""
