"""What Git says to a remote: pkt-lines, references, whole operations. Independent of what carries it."""
