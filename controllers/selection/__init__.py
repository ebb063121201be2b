"""Which tag a policy chooses, and why: the question that the controller and the command line ask."""
