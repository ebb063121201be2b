"""Git's protocol: pkt-lines, references, whole operations. Independent of the transport."""
