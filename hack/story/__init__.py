"""The whole story: an image that runs, a repository that an engine deploys, and the seconds that it takes."""
