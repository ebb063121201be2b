"""The whole story: an image that really runs, a repository that an engine deploys, and the seconds from one to the other."""
