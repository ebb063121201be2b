"""The ImageUpdateAutomation controller: writes the images that policies chose into Git."""
