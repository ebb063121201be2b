"""Why a value in Git is what it is, and when it changes: links from marker to commit. Objects in, values out."""
