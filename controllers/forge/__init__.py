"""Pull requests at Git forges: find, open, update and close them. Knows no Kubernetes, and never merges.

`model` has the values and the protocol, `decision` the rules as a pure function, `text` the words of a pull request,
`location` finds out which forge a repository is at; then a module a forge, over one HTTP client. Pushing is not done
here: that is `controllers.git`.
"""
